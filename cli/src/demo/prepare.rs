//! From a bare check-out to the deployed stack: Python packages, functions, local AWS, template.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_local::{Access, Emulator, Project, Stack, deploy, functions, python};
use tokio::task::JoinHandle;

use crate::paint::Paint;

/// A deployed stack on a running local AWS, which stops when this is dropped.
pub(crate) struct Local {
    pub(crate) stack: Stack,
    pub(crate) project: Project,
    pub(crate) paint: Paint,
    _emulator: Emulator,
}

/// What the demo switches on, beside the defaults. Nothing comes up within the demo: it runs the functions itself.
const PARAMETERS: [(&str, &str); 2] = [("FetchSchedule", "rate(30 days)"), ("DashboardSchedule", "rate(30 days)")];

pub(crate) async fn prepare(project: Project) -> Result<Local> {
    let paint = Paint::new();
    let step = Step::begin(paint, "Python packages", "about a minute the first time");
    let python = python::environment(&project, "local", &step.bar).await?;
    step.end(&shown(&project, &project.requirements("local")));

    let step = Step::begin(paint, "Functions", "some minutes the first time");
    let binaries = functions::build(&project, &python, &step.bar).await?;
    step.end(&functions::FUNCTIONS.join(", "));

    let step = Step::begin(paint, "Local AWS", "");
    let emulator = Emulator::start(&project, &python, "demo", Access::Open).await?;
    step.end(emulator.client().endpoint());

    let step = Step::begin(paint, "Deployment", "");
    let stack = deploy(&project, emulator.client(), &binaries, &PARAMETERS).await?;
    step.end(&shown(&project, &project.template()));
    Ok(Local { stack, project, paint, _emulator: emulator })
}

/// A path as a person in the project's directory would write it.
fn shown(project: &Project, path: &Path) -> String {
    path.strip_prefix(project.root()).unwrap_or(path).display().to_string()
}

/// Where no bar is seen, a long step says this often how far it is.
const SAID_EVERY: Duration = Duration::from_secs(20);

/// A step in work, with a bar on a terminal and plain lines elsewhere.
pub(crate) struct Step {
    name: &'static str,
    paint: Paint,
    bar: ProgressBar,
    started: Instant,
    saying: Option<JoinHandle<()>>,
}

impl Step {
    pub(crate) fn begin(paint: Paint, name: &'static str, expect: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix:16} {elapsed:>4}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name);
        bar.set_message(expect.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        let saying = (!std::io::stderr().is_terminal()).then(|| {
            say!("  … {name}{}{expect}", if expect.is_empty() { "" } else { ": " });
            let bar = bar.clone();
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(SAID_EVERY).await;
                    say!("  … {name} {:.0} s: {}", bar.elapsed().as_secs_f64(), bar.message());
                }
            })
        });
        Self { name, paint, bar, started: Instant::now(), saying }
    }

    pub(crate) fn end(self, what: &str) {
        self.bar.finish_and_clear();
        let elapsed = self.paint.faint(&format!("{:.1} s", self.started.elapsed().as_secs_f64()));
        say!("  {} {:16} {what}  {elapsed}", self.paint.good("✓"), self.name);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(saying) = &self.saying {
            saying.abort();
        }
    }
}
