//! Standard error, shared by those who log and the one who draws.
//!
//! A live display rewrites the last lines of the screen; a log line that arrived in between would be
//! overwritten or torn. So both go through one [`Terminal`]: it takes the display away, writes, and
//! puts the display back, under one lock. What can't be written is lost without a word: a terminal
//! that was closed must not take a crawl with it.

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock},
};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle, TermLike};
use tracing_subscriber::fmt::MakeWriter;

/// Most redraws a second; more are left out.
const MAX_REDRAWS_PER_SECOND: u8 = 20;

/// The process has one standard error: two that did not know of each other would garble it.
static STDERR: LazyLock<Terminal> = LazyLock::new(Terminal::look);

/// Standard error. Cheap to clone; all clones share one screen.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// `None` when standard error is a file or a pipe.
    screen: Option<Arc<Screen>>,
}

#[derive(Debug)]
struct Screen {
    term: Term,
    display: MultiProgress,
}

impl Terminal {
    /// The one of this process.
    pub fn stderr() -> Self {
        STDERR.clone()
    }

    /// Looks at what standard error is.
    fn look() -> Self {
        let term = Term::buffered_stderr();
        if !term.is_term() {
            return Self { screen: None };
        }
        let canvas = Box::new(Canvas(term.clone()));
        let target = ProgressDrawTarget::term_like_with_hz(canvas, MAX_REDRAWS_PER_SECOND);
        Self { screen: Some(Arc::new(Screen { term, display: MultiProgress::with_draw_target(target) })) }
    }

    /// Whether somebody may be looking.
    pub fn is_interactive(&self) -> bool {
        self.screen.is_some()
    }

    /// Whether colours are shown, and welcome (<https://no-color.org>).
    pub fn has_colours(&self) -> bool {
        self.screen.is_some() && console::colors_enabled_stderr()
    }

    /// Columns, when it is interactive.
    pub fn width(&self) -> Option<usize> {
        self.screen.as_ref().map(|screen| screen.term.size().1.into())
    }

    /// Writes to standard error, above the display if there is one.
    pub fn write(&self, text: &[u8]) {
        self.without_display(|| {
            let mut stderr = io::stderr().lock();
            // There is nobody to tell.
            let _ = stderr.write_all(text).and_then(|()| stderr.flush());
        });
    }

    /// Does `write`, which may write to the same screen by another way, while the display is away.
    pub fn without_display<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.screen {
            Some(screen) => screen.display.suspend(write),
            None => write(),
        }
    }

    /// The last lines of the screen, for a display; they are cleared when it is dropped. `None` when
    /// it is not interactive.
    pub fn display(&self) -> Option<Display> {
        let screen = self.screen.as_ref()?;
        let style = ProgressStyle::with_template("{msg}").expect("the template has one well-formed field");
        let bar = ProgressBar::no_length().with_style(style).with_finish(ProgressFinish::AndClear);
        Some(Display { bar: screen.display.add(bar) })
    }
}

/// Lines at the bottom of the screen.
#[derive(Debug)]
pub struct Display {
    bar: ProgressBar,
}

impl Display {
    /// Shows `lines` in place of those before. None may be wider than the terminal.
    pub fn draw(&self, lines: &[String]) {
        self.bar.set_message(lines.join("\n"));
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl<'a> MakeWriter<'a> for Terminal {
    type Writer = Writer;

    fn make_writer(&'a self) -> Writer {
        Writer(self.clone())
    }
}

/// [`Terminal::write`] as a [`Write`] that never fails.
#[derive(Debug)]
pub struct Writer(Terminal);

impl Write for Writer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.write(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal whose errors nobody hears of: indicatif would panic over them, with its lock held.
#[derive(Debug)]
struct Canvas(Term);

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n).or(Ok(()))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n).or(Ok(()))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n).or(Ok(()))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n).or(Ok(()))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text).or(Ok(()))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text).or(Ok(()))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line().or(Ok(()))
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}
