//! Between a tool and its output: of opensnoop's events those that failed below one folder, with how often each path has failed.

mod opensnoop;

use eunomia::events::{Event, Filter, Verdict};
use eunomia::text;
use opensnoop::types;
use std::collections::HashMap;

#[derive(Default)]
struct Failures {
    seen: HashMap<String, i64>,
    nr_dropped: u64,
}

impl Filter for Failures {
    fn event(&mut self, event: &mut Event) -> Verdict {
        let open = match event.read::<types::event>() {
            Some(open) => open,
            None => return Verdict::Pass,
        };
        let path = text(&event.record()[std::mem::size_of::<types::event>()..]).into_owned(); // behind the members of fixed size
        if open.err == 0 || !path.starts_with("/nowhere/") {
            self.nr_dropped += 1;
            return Verdict::Drop;
        }
        let times = self.seen.entry(path).or_insert(0);
        *times += 1;
        event.add_number("times", *times).expect("a member");
        Verdict::Pass
    }

    fn end(&mut self) {
        println!("{} others", self.nr_dropped);
    }
}

eunomia::guest!(Failures);
