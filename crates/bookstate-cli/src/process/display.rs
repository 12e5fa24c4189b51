//! How a job is shown while it runs: bars on a terminal, log lines elsewhere.
//!
//! A single book has a bar per stage; several books have one bar each, with the stage that is worked on.

use std::{collections::BTreeMap, fmt, time::Duration};

use bookstate_domain::{Stage, StageProgress, StageState};
use bookstate_jobs::{Activity, JobProgress};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    grouped::grouped,
    logging::{PROGRESS, bars},
    terminal,
};

/// How often bars move by themselves, so that a long unit does not look like a halt.
const TICK: Duration = Duration::from_millis(100);

/// A stage at work: with its rate and an estimate of the time left.
const WORKING: &str = "  {prefix:13} {bar:24.green} {done:>7}/{all:<7} {rate}, {eta} left";
/// A stage that waits or is over.
const RESTING: &str = "  {prefix:13} {bar:24} {done:>7}/{all:<7} {msg}";
/// A book at work, and one that waits or is over.
const BOOK_WORKING: &str = "{prefix:24!} {bar:24.green} {done:>7}/{all:<7} {msg}, {eta} left";
const BOOK_RESTING: &str = "{prefix:24!} {bar:24} {done:>7}/{all:<7} {msg}";

/// What is shown of a job.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// How far the book is, stage by stage.
    pub(super) stages: Vec<StageProgress>,
    /// Why the job waits.
    pub(super) stalled: Option<String>,
    /// This run of it has ended.
    pub(super) over: bool,
}

impl From<&JobProgress> for Shown {
    fn from(progress: &JobProgress) -> Self {
        let stalled = match &progress.activity {
            Activity::Stalled { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        Self { stages: progress.stages.clone(), stalled, over: progress.is_over() }
    }
}

impl From<&Self> for Shown {
    fn from(shown: &Self) -> Self {
        shown.clone()
    }
}

/// Shows jobs.
#[derive(Debug)]
pub(super) struct Display {
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// A bar per stage.
    Stages,
    /// A bar per book.
    Books,
    /// A log line whenever a stage begins or ends.
    Lines,
}

impl Display {
    /// Bars on a terminal, log lines elsewhere.
    pub(super) const fn new(terminal: bool, books: usize) -> Self {
        let form = match (terminal, books) {
            (false, _) => Form::Lines,
            (true, 0 | 1) => Form::Stages,
            (true, _) => Form::Books,
        };
        Self { form }
    }

    /// Shows a job until its progress ends.
    pub(super) fn follow<P>(&self, name: &str, mut progress: watch::Receiver<P>) -> JoinHandle<()>
    where
        P: Send + Sync + 'static,
        Shown: for<'p> From<&'p P>,
    {
        let mut view = View::new(self.form, name);
        tokio::spawn(async move {
            loop {
                let now = Shown::from(&*progress.borrow_and_update());
                view.update(&now);
                if now.over || progress.changed().await.is_err() {
                    view.update(&Shown::from(&*progress.borrow()));
                    return view.end();
                }
            }
        })
    }

    /// Takes what is left of the bars away.
    pub(super) fn end(&self) {
        if !matches!(self.form, Form::Lines) {
            // Bars that cannot be cleared stay where they are.
            drop(bars().clear());
        }
    }
}

/// One job's bars or lines.
enum View {
    Stages { name: ProgressBar, stages: BTreeMap<Stage, ProgressBar> },
    Book(ProgressBar),
    Lines { name: String, states: BTreeMap<Stage, StageState>, stalled: bool },
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("done", |state: &ProgressState, out: &mut dyn fmt::Write| {
            out.write_str(&grouped(state.pos())).ok();
        })
        .with_key("all", |state: &ProgressState, out: &mut dyn fmt::Write| {
            out.write_str(&grouped(state.len().unwrap_or_default())).ok();
        })
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            out.write_str(&rate(state.per_sec())).ok();
        })
        .progress_chars("━╸─")
}

/// So many a second; of what is slower, a minute, so that there is something before the point.
fn rate(per_second: f64) -> String {
    match per_second {
        10.0.. => format!("{per_second:.0}/s"),
        1.0.. => format!("{per_second:.1}/s"),
        _ => format!("{:.1}/min", per_second * 60.0),
    }
}

fn bar(of: &MultiProgress, template: &str, message: String) -> ProgressBar {
    // A bar of nothing would be drawn full.
    let bar = of.add(ProgressBar::new(1).with_style(style(template)).with_message(message));
    bar.enable_steady_tick(TICK);
    bar
}

impl View {
    fn new(form: Form, name: &str) -> Self {
        let name = &*terminal::line(name);
        match form {
            Form::Stages => {
                let name = bar(bars(), "{spinner} {msg}", name.to_owned());
                Self::Stages { name, stages: BTreeMap::new() }
            }
            Form::Books => {
                let bar = bar(bars(), BOOK_RESTING, String::new());
                bar.set_prefix(name.to_owned());
                Self::Book(bar)
            }
            Form::Lines => Self::Lines { name: name.to_owned(), states: BTreeMap::new(), stalled: false },
        }
    }

    fn update(&mut self, now: &Shown) {
        let stalled = now.stalled.as_ref().map(|reason| terminal::line(reason).into_owned());
        match self {
            Self::Stages { name, stages } => {
                let book = name.message().split(" — ").next().unwrap_or_default().to_owned();
                name.set_message(
                    stalled.map_or(book.clone(), |reason| format!("{book} — stalled: {reason}")),
                );
                for stage in &now.stages {
                    update_stage(stages, stage);
                }
            }
            Self::Book(bar) => {
                let sum = |of: fn(&StageProgress) -> usize| now.stages.iter().map(of).sum::<usize>();
                let (total, done) = (sum(|stage| stage.total), sum(|stage| stage.done));
                bar.set_length(total.max(1) as u64);
                bar.set_position(done as u64);
                let works = stalled.is_none() && 0 < done && done < total;
                bar.set_style(style(if works { BOOK_WORKING } else { BOOK_RESTING }));
                let stage = now.stages.iter().find(|stage| !stage.state.is_settled());
                let stage = stage.map(|stage| stage.stage.to_string()).unwrap_or_default();
                bar.set_message(stalled.map_or(stage, |reason| format!("stalled: {reason}")));
            }
            Self::Lines { name, states, stalled: told } => {
                let begins = stalled.is_some() && !*told;
                *told = stalled.is_some();
                if let Some(reason) = stalled.filter(|_| begins) {
                    tracing::warn!(target: PROGRESS, "{name}: stalled: {reason}");
                }
                for StageProgress { stage, state, done, total } in &now.stages {
                    // What a resumed job finds done is no news.
                    if states.insert(*stage, *state).is_some_and(|before| before != *state) {
                        tracing::info!(target: PROGRESS, "{name}: {stage} {state}, {done} of {total}");
                    }
                }
            }
        }
    }

    /// The bars stay as they are: what is not done is not drawn as done.
    fn end(self) {
        match self {
            Self::Stages { name, stages } => {
                stages.into_values().for_each(|bar| bar.abandon());
                name.abandon();
            }
            Self::Book(bar) => bar.abandon(),
            Self::Lines { .. } => {}
        }
    }
}

fn update_stage(stages: &mut BTreeMap<Stage, ProgressBar>, progress: &StageProgress) {
    let shown = stages.entry(progress.stage).or_insert_with(|| bar(bars(), RESTING, String::new()));
    shown.set_prefix(progress.stage.to_string());
    shown.set_length(progress.total.max(1) as u64);
    shown.set_position(progress.done as u64);
    let working = !progress.state.is_settled() && progress.done > 0 && progress.done < progress.total;
    shown.set_style(style(if working { WORKING } else { RESTING }));
    shown.set_message(match (progress.state, progress.total) {
        (StageState::Failed, _) => "failed",
        (StageState::Skipped, _) => "skipped",
        (StageState::Complete, 0) => "nothing to do",
        (StageState::Complete, _) => "done",
        (_, 0) => "waits",
        _ => "",
    });
}
