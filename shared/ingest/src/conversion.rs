//! Download, conversion and upload of one object, all three at once with bounded queues between them.
//! It must not know when the outputs become visible.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use lakegate_contract::Contract;
use lakegate_convert::range::{Beginning, KeyChunk, RangeDecisions, RangeReport, RangeWork};
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
pub enum ConversionError {
    /// Reading or writing failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The engine failed. Its own sources may quote values and are not shown.
    #[error("the conversion failed: {0}")]
    Engine(ConvertError),
    /// The engine panicked.
    #[error("the conversion panicked")]
    Panicked,
    /// The keys of a range could not be written down.
    #[error("the range's keys cannot be written")]
    Keys(#[source] std::io::Error),
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
    let source = source_of(object);
    let begin = move || Ok(Converter::new(contract, source)?.with_threads(threads));
    run(read::chunks(object), begin, Converter::finish, |_| Ok(()), uploads).await
}

/// What the conversion of a range is told.
pub(crate) struct RangeInput<'a> {
    pub(crate) contract: Arc<Contract>,
    pub(crate) beginning: &'a Beginning,
    pub(crate) work: &'a RangeWork,
    pub(crate) decisions: Option<&'a RangeDecisions>,
}

/// Converts a range of an object; every output is uploaded, and none is visible. `keys` takes those of rows that are to be compared with
/// other ranges'.
pub(crate) async fn convert_range(
    object: &OpenObject,
    input: RangeInput<'_>,
    keys: impl FnMut(&KeyChunk) -> std::io::Result<()> + Send + 'static,
    uploads: &mut Uploads<'_>,
) -> Result<RangeReport, ConversionError> {
    let RangeInput { contract, beginning, work, decisions } = input;
    let (source, range) = (source_of(object), work.range);
    let chunks = read::chunks_from(object, work.begin, work.end);
    let (beginning, work, decisions) = (beginning.clone(), work.clone(), decisions.cloned());
    let begin = move || {
        let converter = Converter::of_range(contract, source, &beginning, &work)?;
        Ok(match &decisions {
            Some(decisions) => converter.with_decisions(decisions),
            None => converter,
        })
    };
    run(chunks, begin, move |converter| converter.finish_range(range), keys, uploads).await
}

fn source_of(object: &OpenObject) -> Source {
    Source { bucket: object.bucket.clone(), key: object.key.clone(), version: object.version_id.clone() }
}

/// Reads, converts and uploads, all at once.
async fn run<T: Send + 'static>(
    chunks: impl Stream<Item = Result<Bytes, LakeError>>,
    begin: impl FnOnce() -> Result<Converter, ConvertError> + Send + 'static,
    finish: impl FnOnce(&mut Converter) -> Result<T, ConvertError> + Send + 'static,
    mut keys: impl FnMut(&KeyChunk) -> std::io::Result<()> + Send + 'static,
    uploads: &mut Uploads<'_>,
) -> Result<T, ConversionError> {
    let (inputs, engine_inputs) = mpsc::channel(INPUTS_AHEAD);
    let (engine_outputs, outputs) = mpsc::channel(OUTPUTS_AHEAD);
    let engine = tokio::task::spawn_blocking(move || {
        let converter = begin().map_err(ConversionError::Engine)?;
        run_engine(converter, engine_inputs, finish, |converter| pass_on(converter, &engine_outputs, &mut keys))
    });
    let (fed, uploaded) = tokio::join!(feed(chunks, inputs), upload(outputs, uploads));
    let judged = engine.await;
    fed?;
    uploaded?;
    match judged {
        Ok(Ok(Some(judged))) => Ok(judged),
        Ok(Ok(None)) => Err(ConversionError::NoJudgement),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ConversionError::Panicked),
    }
}

/// Reads until the object ends, or until the engine wants no more.
async fn feed(chunks: impl Stream<Item = Result<Bytes, LakeError>>, inputs: Sender<Input>) -> Result<(), LakeError> {
    let mut chunks = std::pin::pin!(chunks);
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
fn run_engine<T>(
    mut converter: Converter,
    mut inputs: Receiver<Input>,
    finish: impl FnOnce(&mut Converter) -> Result<T, ConvertError>,
    mut pass_on: impl FnMut(&mut Converter) -> Result<bool, ConversionError>,
) -> Result<Option<T>, ConversionError> {
    loop {
        match inputs.blocking_recv() {
            None => return Ok(None),
            Some(Input::End) => break,
            Some(Input::Bytes(bytes)) => {
                let reading = converter.push(&bytes).map_err(ConversionError::Engine)?;
                if !pass_on(&mut converter)? {
                    return Ok(None);
                }
                if reading == Reading::Enough {
                    break;
                }
            }
        }
    }
    drop(inputs);
    let judged = finish(&mut converter).map_err(ConversionError::Engine)?;
    Ok(pass_on(&mut converter)?.then_some(judged))
}

/// False when nobody takes the outputs any more.
fn pass_on(
    converter: &mut Converter,
    outputs: &Sender<Encoded>,
    keys: &mut impl FnMut(&KeyChunk) -> std::io::Result<()>,
) -> Result<bool, ConversionError> {
    for chunk in converter.drain() {
        let partition = match chunk.output {
            Output::Table(index) => converter.partition(index).map(|partition| partition.path.clone()),
            Output::Rejects => None,
        };
        let encoded = Encoded { output: chunk.output, partition: partition.unwrap_or_default(), bytes: chunk.bytes };
        if outputs.blocking_send(encoded).is_err() {
            return Ok(false);
        }
    }
    converter.drain_keys().iter().try_for_each(keys).map_err(ConversionError::Keys)?;
    Ok(true)
}

#[cfg(test)]
#[path = "conversion_tests.rs"]
mod tests;
