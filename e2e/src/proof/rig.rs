//! A local AWS of a run's own, with the deployed template, in which the run plays the Lambda service: its functions are called by nobody else.
//! It must not know what is uploaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lakegate_local::json::{list, text};
use lakegate_local::{Access, Client, Emulator, Method, ProgressBar, Project, Stack, deploy, functions, python};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::process::Program;
use super::service::Service;
use super::uploads;

/// As the template has them.
const INGEST_TIMEOUT: Duration = Duration::from_mins(5);
const ROUTE_FAILURES_TIMEOUT: Duration = Duration::from_mins(1);
/// The most that SQS takes: a run kills more often than `maxReceiveCount` allows for.
const RECEIVES_MAX: u32 = 1000;

/// The AWS of a run.
#[derive(Debug)]
pub struct Rig {
    /// The deployed stack.
    pub stack: Stack,
    /// The project that was deployed.
    pub project: Project,
    /// An interpreter that has DuckDB.
    pub python: PathBuf,
    /// The local AWS.
    pub emulator: Emulator,
    name: String,
    binaries: BTreeMap<String, PathBuf>,
}

impl Rig {
    /// Starts the local AWS, deploys the template, takes the functions from their queues, and puts the run's contract. Queues hide a
    /// message for `hidden_secs`.
    ///
    /// # Errors
    /// Something cannot be built, started or deployed.
    pub async fn start(name: &str, hidden_secs: u32) -> Result<Self> {
        static READY: OnceCell<(Project, PathBuf, BTreeMap<String, PathBuf>)> = OnceCell::const_new();
        let ready = READY.get_or_try_init(async || {
            let project = Project::find()?;
            let bar = ProgressBar::hidden();
            let python = python::environment(&project, "local", &bar).await?;
            let binaries = functions::build(&project, &python, &bar).await?;
            anyhow::Ok((project, python, binaries))
        });
        let (project, python, binaries) = ready.await?.clone();
        let emulator = Emulator::start(&project, &python, &format!("proof-{name}"), Access::ByPolicy).await?;
        // The emulator's own functions are never invoked: there is no need to hand it their binaries.
        let idle = project.hidden("run")?.join("no-function");
        std::fs::write(&idle, "#!/bin/sh\nexit 1\n")?;
        let stand_ins = binaries.keys().map(|function| (function.clone(), idle.clone())).collect();
        let stack = deploy(&project, emulator.client(), &stand_ins, &[]).await?;
        let rig = Self { stack, project, python, emulator, name: name.to_owned(), binaries };
        rig.take_functions_from_queues().await?;
        let (stack, seconds) = (&rig.stack, hidden_secs.to_string());
        for queue in [&stack.ingest_queue_url, &stack.failures_queue_url] {
            rig.set_queue(queue, &json!({ "VisibilityTimeout": seconds })).await?;
            let request = json!({ "QueueUrl": queue, "AttributeNames": ["RedrivePolicy"] });
            let answer = stack.client.json("AmazonSQS.GetQueueAttributes", &request).await?;
            let mut redrive: Value = serde_json::from_str(text(&answer, "/Attributes/RedrivePolicy"))?;
            *redrive.get_mut("maxReceiveCount").context("no maxReceiveCount")? = RECEIVES_MAX.into();
            rig.set_queue(queue, &json!({ "RedrivePolicy": redrive.to_string() })).await?;
        }
        stack.put_contract("proof.odcs.yaml", uploads::CONTRACT).await?;
        Ok(rig)
    }

    async fn set_queue(&self, queue_url: &str, attributes: &Value) -> Result<()> {
        let request = json!({ "QueueUrl": queue_url, "Attributes": attributes });
        self.stack.client.json("AmazonSQS.SetQueueAttributes", &request).await?;
        Ok(())
    }

    async fn take_functions_from_queues(&self) -> Result<()> {
        let client = &self.stack.client;
        let mappings = client.rest(Method::GET, "/2015-03-31/event-source-mappings").await?;
        for mapping in list(&mappings, "/EventSourceMappings") {
            let path = format!("/2015-03-31/event-source-mappings/{}", text(mapping, "/UUID"));
            client.rest(Method::DELETE, &path).await?;
        }
        // The emulator's test event of the bucket's notifications, which a function of its own may have in hand.
        client.json("AmazonSQS.PurgeQueue", &json!({ "QueueUrl": self.stack.ingest_queue_url })).await?;
        Ok(())
    }

    /// What it was started as.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What asks the local AWS.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.stack.client
    }

    /// The real binary of a function, with the settings that it was deployed with.
    ///
    /// # Errors
    /// The function is not deployed.
    pub async fn program(&self, function: &str) -> Result<Program> {
        let stack = &self.stack;
        let deployed = match function {
            "ingest" => &stack.ingest_function,
            "route-failures" => &stack.route_failures_function,
            other => bail!("{other} is not run by the proof"),
        };
        let mut environment = stack.client.function_environment(deployed).await?;
        environment.insert("AWS_REGION".to_owned(), "us-east-1".to_owned());
        environment.extend(stack.client.assume_role(&stack.client.function_role(deployed).await?).await?);
        let log = self.project.hidden("log")?.join(format!("proof-{}-{function}.log", self.name));
        let endpoint = stack.client.endpoint();
        Ok(Program {
            function: deployed.clone(),
            binary: self.binaries.get(function).with_context(|| format!("no binary of {function}"))?.clone(),
            environment,
            upstream: endpoint.trim_start_matches("http://").parse().with_context(|| endpoint.to_owned())?,
            raw_bucket: stack.raw_bucket.clone(),
            log,
        })
    }

    /// The function `ingest` and its queue; its log is begun anew.
    ///
    /// # Errors
    /// It is not deployed, or its log cannot be written.
    pub async fn ingest(&self) -> Result<Service> {
        let program = self.program("ingest").await?;
        std::fs::write(&program.log, "")?;
        Ok(Service::new(program, &self.stack.ingest_queue_url, INGEST_TIMEOUT))
    }

    /// The function `route-failures` and its queue; its log is begun anew.
    ///
    /// # Errors
    /// It is not deployed, or its log cannot be written.
    pub async fn route_failures(&self) -> Result<Service> {
        let program = self.program("route-failures").await?;
        std::fs::write(&program.log, "")?;
        let mut service = Service::new(program, &self.stack.failures_queue_url, ROUTE_FAILURES_TIMEOUT);
        service.batch = 100;
        Ok(service)
    }

    /// Waits until nothing is left to do: both queues are empty, nothing is in flight, nobody works.
    ///
    /// # Errors
    /// That takes longer than `at_most`, or a call fails.
    pub async fn settle(&self, at_most: Duration) -> Result<()> {
        let started = Instant::now();
        let mut quiet = 0;
        while quiet < 3 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut is_quiet = true;
            for queue in [&self.stack.ingest_queue_url, &self.stack.failures_queue_url] {
                is_quiet &= self.client().queue_depth(queue).await? == (0, 0);
            }
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if started.elapsed() > at_most {
                let (ingest, failures) = (&self.stack.ingest_queue_url, &self.stack.failures_queue_url);
                let depths = (self.client().queue_depth(ingest).await?, self.client().queue_depth(failures).await?);
                bail!(
                    "after {at_most:?} there is still work: {depths:?} wait and are in flight in ingest and failures"
                );
            }
        }
        Ok(())
    }

    /// Runs services beside what drives them, until that is done or one of them fails.
    ///
    /// # Errors
    /// A service or the drive fails.
    pub async fn with<T>(&self, services: &[&Service], drive: impl Future<Output = Result<T>>) -> Result<T> {
        let running = futures::future::try_join_all(services.iter().map(|service| service.run(self.client())));
        tokio::pin!(running);
        let driven = tokio::select! {
            driven = drive => driven,
            ended = &mut running => match ended {
                Ok(_) => bail!("the services stopped by themselves"),
                Err(error) => return Err(error),
            },
        };
        for service in services {
            service.stop();
        }
        running.await?;
        driven
    }
}
