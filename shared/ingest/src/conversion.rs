//! Download, conversion and upload of one object, all three at once with bounded queues between them.
//! It must not know when the outputs become visible.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use lakegate_contract::Contract;
use lakegate_convert::{ConvertError, Converter, Judgement, Output, Reading, Source};
use lakegate_lake::LakeError;
use lakegate_lake::read::{self, OpenObject};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::uploads::Uploads;

/// Chunks of the file that wait for the engine, beside those that the reader has in flight.
const INPUTS_AHEAD: usize = 2;
/// Encoded chunks that wait for their upload.
const OUTPUTS_AHEAD: usize = 8;

/// Why a file came to no judgement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConversionError {
    /// Reading or writing failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The engine failed. Its own sources may quote values and are not shown.
    #[error("the conversion failed: {0}")]
    Engine(ConvertError),
    /// The engine panicked.
    #[error("the conversion panicked")]
    Panicked,
    /// The outputs hold more back than there is memory for.
    #[error("the outputs hold more back than there is memory for")]
    TooMuchHeld,
    /// The engine stopped although reading and writing went well.
    #[error("the conversion ended without a judgement")]
    NoJudgement,
}

/// What the engine is told. Only `End` ends a file: a reader that fails just stops.
enum Input {
    Bytes(Bytes),
    End,
}

/// Encoded bytes and where they belong.
pub(crate) struct Encoded {
    pub(crate) output: Output,
    /// The partition's path; empty for the rejects.
    pub(crate) partition: String,
    pub(crate) bytes: Vec<u8>,
}

/// Converts an object; every output is uploaded, and none is visible.
pub(crate) async fn convert(
    object: &OpenObject,
    contract: Arc<Contract>,
    threads: usize,
    uploads: &mut Uploads<'_>,
) -> Result<Judgement, ConversionError> {
    let source = Source { bucket: object.bucket.clone(), key: object.key.clone(), version: object.version_id.clone() };
    let (inputs, engine_inputs) = mpsc::channel(INPUTS_AHEAD);
    let (engine_outputs, outputs) = mpsc::channel(OUTPUTS_AHEAD);
    let engine =
        tokio::task::spawn_blocking(move || run_engine(contract, source, threads, engine_inputs, &engine_outputs));
    let (fed, uploaded) = tokio::join!(feed(object, inputs), upload(outputs, uploads));
    let judged = engine.await;
    fed?;
    uploaded?;
    match judged {
        Ok(Ok(Some(judgement))) => Ok(judgement),
        Ok(Ok(None)) => Err(ConversionError::NoJudgement),
        Ok(Err(error)) => Err(ConversionError::Engine(error)),
        Err(_) => Err(ConversionError::Panicked),
    }
}

/// Reads until the object ends, or until the engine wants no more.
async fn feed(object: &OpenObject, inputs: Sender<Input>) -> Result<(), LakeError> {
    let mut chunks = std::pin::pin!(read::chunks(object));
    while let Some(bytes) = chunks.next().await {
        if inputs.send(Input::Bytes(bytes?)).await.is_err() {
            return Ok(());
        }
    }
    // The engine may have had enough just now.
    let _ = inputs.send(Input::End).await;
    Ok(())
}

async fn upload(mut outputs: Receiver<Encoded>, uploads: &mut Uploads<'_>) -> Result<(), ConversionError> {
    while let Some(encoded) = outputs.recv().await {
        uploads.write(&encoded).await?;
    }
    Ok(())
}

/// `None` when the reader stopped in the middle or the uploads do not go on: then there is nothing to judge.
fn run_engine(
    contract: Arc<Contract>,
    source: Source,
    threads: usize,
    mut inputs: Receiver<Input>,
    outputs: &Sender<Encoded>,
) -> Result<Option<Judgement>, ConvertError> {
    let mut converter = Converter::new(contract, source)?.with_threads(threads);
    loop {
        match inputs.blocking_recv() {
            None => return Ok(None),
            Some(Input::End) => break,
            Some(Input::Bytes(bytes)) => {
                let reading = converter.push(&bytes)?;
                if !pass_on(&mut converter, outputs) {
                    return Ok(None);
                }
                if reading == Reading::Enough {
                    break;
                }
            }
        }
    }
    drop(inputs);
    let judgement = converter.finish()?;
    Ok(pass_on(&mut converter, outputs).then_some(judgement))
}

/// False when nobody takes the outputs any more.
fn pass_on(converter: &mut Converter, outputs: &Sender<Encoded>) -> bool {
    for chunk in converter.drain() {
        let partition = match chunk.output {
            Output::Table(index) => converter.partition(index).map(|partition| partition.path.clone()),
            Output::Rejects => None,
        };
        let encoded = Encoded { output: chunk.output, partition: partition.unwrap_or_default(), bytes: chunk.bytes };
        if outputs.blocking_send(encoded).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
#[path = "conversion_tests.rs"]
mod tests;
