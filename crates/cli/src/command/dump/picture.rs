//! Pictures of one conversation: chosen when all packets are known.

use super::flows::{Flows, shown};
use super::options::Options;
use super::plot::{self, Kind, Trace};
use super::sequence::{Form, Ladder, svg, text};
use super::source::Ended;
use super::{Record, Sink};
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use crate::print::Out;

/// Gathers packets and draws a conversation of them.
pub struct Picture {
    flows: Flows,
    sequence: Option<Form>,
    plot: Kind,
    chosen: u64,
    is_ascii: bool,
    language: Language,
}

impl Picture {
    /// Draws what the options say.
    pub fn new(options: &Options, language: Language) -> Picture {
        Picture {
            flows: Flows::default(),
            sequence: options.sequence,
            plot: match options.plot.as_deref() {
                Some("in-flight") => Kind::InFlight,
                _ => Kind::TimeSequence,
            },
            chosen: options.flow,
            is_ascii: options.ascii,
            language,
        }
    }
}

impl Sink for Picture {
    fn packet(&mut self, record: &Record<'_>, _out: &mut Out) -> Result<(), Failure> {
        self.flows.take(record);
        Ok(())
    }

    fn finish(&mut self, _ended: &Ended, out: &mut Out) -> Result<(), Failure> {
        let flows = std::mem::take(&mut self.flows);
        let left_out = flows.left_out;
        let all = flows.into_sorted();
        let at = usize::try_from(self.chosen - 1).unwrap_or(usize::MAX);
        let Some(conversation) = all.get(at) else {
            let (message, hint) = match all.len() {
                0 => ("there is no conversation among these packets".to_owned(), "another filter"),
                count => (format!("there are {count} conversations only"), "--flow 1"),
            };
            return Err(Failure { message, hint: Some(hint.to_owned()), exit: Exit::No });
        };
        let drawn = match self.sequence {
            Some(form) => {
                let ladder = Ladder::of(conversation, left_out, self.language);
                match form {
                    Form::Text => text::draw(&ladder, self.is_ascii),
                    Form::Svg => svg::draw(&ladder),
                }
            }
            None => {
                let Some((trace, is_forward)) = Trace::of(conversation) else {
                    return Err(Failure {
                        message: "there is no TCP connection with data to plot".to_owned(),
                        hint: Some("a filter or --flow chooses another".to_owned()),
                        exit: Exit::No,
                    });
                };
                let flow = conversation.flow;
                let flow = if is_forward { flow } else { flow.reversed() };
                let title = format!("TCP  {} → {}", shown(flow.from), shown(flow.to));
                plot::draw(&trace, self.plot, &title, self.language)
            }
        };
        out.text.extend_from_slice(drawn.as_bytes());
        Ok(())
    }
}
