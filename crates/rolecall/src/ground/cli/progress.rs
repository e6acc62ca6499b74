//! A sign of life while something takes long, at a terminal only.

use super::failure::one_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A line on standard error that turns as long as it is there.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins, if somebody sees it.
    #[must_use]
    pub fn begin() -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = if target.is_hidden() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(None, target)
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Says how far it is.
    pub fn say(&self, text: &str) {
        self.0.set_message(one_line(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
