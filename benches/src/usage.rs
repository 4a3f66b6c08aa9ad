//! Who used the processor, from Linux's `/proc`.

use std::fs;

/// What the kernel counts processor time in: `USER_HZ`, 100 on every platform that Rust's standard library has.
///
/// Source: `man 5 proc_pid_stat`, `man 7 time`.
const TICKS_A_SECOND: f64 = 100.0;

/// Processor time so far, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// The server.
    pub server: f64,
    /// PostgreSQL, if there is one: its first process and all it started.
    pub database: f64,
    /// The whole machine, whoever it was for.
    pub machine: f64,
    /// This process, which makes the load.
    pub load: f64,
}

impl Usage {
    /// Reads the counters. Without `postmaster` the database is part of the server, or elsewhere.
    ///
    /// # Errors
    ///
    /// When a process is gone, or there is no `/proc`.
    pub fn now(server: u32, postmaster: Option<u32>) -> anyhow::Result<Self> {
        Ok(Self {
            server: own_time(&stat(server)?),
            database: postmaster.map(family_time).transpose()?.unwrap_or(0.0),
            machine: machine_time(&fs::read_to_string("/proc/stat")?),
            load: own_time(&stat(std::process::id())?),
        })
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            server: self.server - earlier.server,
            database: self.database - earlier.database,
            machine: self.machine - earlier.machine,
            load: self.load - earlier.load,
        }
    }

    /// What others used who have nothing to do with the measurement.
    #[must_use]
    pub fn foreign(&self) -> f64 {
        (self.machine - self.server - self.database - self.load).max(0.0)
    }
}

/// The process that started the one with this number, when its name is `name`.
#[must_use]
pub fn parent_if_named(process: u32, name: &str) -> Option<u32> {
    let stat = stat(process).ok()?;
    (stat.name == name).then(|| stat.field(1)).flatten().and_then(|parent| parent.parse().ok())
}

/// One minute's load average.
#[must_use]
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

struct Stat {
    name: String,
    /// Everything after the name; the first is the state.
    fields: Vec<String>,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        Some(Self { name: name.to_owned(), fields: after.split_whitespace().map(str::to_owned).collect() })
    }

    fn field(&self, place: usize) -> Option<&str> {
        self.fields.get(place).map(String::as_str)
    }

    fn seconds(&self, places: [usize; 2]) -> f64 {
        places.iter().filter_map(|place| self.field(*place)?.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
    }
}

fn stat(process: u32) -> anyhow::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    Stat::parse(&text).ok_or_else(|| anyhow::anyhow!("/proc/{process}/stat has another form"))
}

/// In user and kernel mode.
fn own_time(stat: &Stat) -> f64 {
    stat.seconds([11, 12])
}

/// A process, its children that live, and those that have ended.
fn family_time(process: u32) -> anyhow::Result<f64> {
    let first = stat(process)?;
    let parent = process.to_string();
    let mut seconds = own_time(&first) + first.seconds([13, 14]);
    for entry in fs::read_dir("/proc")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that ends meanwhile is counted by its parent next time.
        if let Ok(child) = stat(number)
            && child.field(1) == Some(parent.as_str())
        {
            seconds += own_time(&child);
        }
    }
    Ok(seconds)
}

/// All but idle, waiting for disks, and what guests used, which is in the first already.
fn machine_time(text: &str) -> f64 {
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let busy = fields.enumerate().filter(|(place, _)| !matches!(place, 3 | 4));
    busy.filter_map(|(_, field)| field.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "42 (a ) (b) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 30 20 20 0 1 0 5 6 7";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.field(1)), ("a ) (b", Some("7")));
        assert!((own_time(&stat) - 2.0).abs() < 1e-9);
        assert!((stat.seconds([13, 14]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn an_idle_machine_uses_nothing() {
        let text = "cpu  100 0 100 9999 500 0 0 50 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert!((machine_time(text) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn we_use_the_processor() {
        let before = Usage::now(std::process::id(), None).unwrap();
        let spent = Usage::now(std::process::id(), None).unwrap().since(&before);
        assert!(spent.load >= 0.0 && spent.machine >= 0.0);
    }
}
