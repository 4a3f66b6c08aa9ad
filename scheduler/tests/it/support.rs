//! A sandbox, a demo salon on a database file, and schedulers on it: as processes and in this one.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use booking::access::Origin;
use booking::account::{self, AccountState};
use booking::booking::{Action, Booking, By, Change, NewBooking, Party, Source};
use booking::business::{self, Business};
use booking::clock::{Clock, Timestamp};
use booking::entropy::Entropy;
use booking::id::{MasterId, ServiceId};
use booking::outbox::{self, MessageState, MessageStatus};
use booking::phone::Phone;
use booking::platform::Platform;
use booking::policy::Policy;
use booking::slots::{self, Audience, Item, Wanted};
use booking::{booking as visits, demo};
use db::Db;
use db::testing::{PostgresDatabase, on_each_url};
use fixtures::sandbox::{InboxMessage, Sandbox, SandboxConfig};
use scheduler::dispatcher::{Dispatcher, DispatcherParts, LiveAccounts};
use scheduler::link::Target;
use scheduler::settings::SandboxUrl;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wa_client::store::SealingKey;

/// The number of the client who books.
pub(crate) const CLIENT: &str = "77779876543";
/// A free time whose reminders are due by day.
pub(crate) const AFTERNOON: usize = 10;
/// The longest that a test waits for something.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// What seals the accounts.
pub(crate) const SEALING_KEY: [u8; 32] = [7; 32];

/// The salon and its surroundings.
pub(crate) struct Salon {
    pub(crate) sandbox: Sandbox,
    pub(crate) platform: Platform,
    pub(crate) business: Business,
    url: String,
    folder: TempDir,
}

/// The `scheduler` program; dropping it is `kill -9`.
pub(crate) struct Process(Child);

impl Process {
    /// Sends it a signal, by the shell: not every machine has a program `kill`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.0.id())]).status();
        assert!(status.expect("sh").success(), "kill -{name}");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.0.wait().expect("its status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error says that it was gone before.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

/// A scheduler in this process.
pub(crate) struct Running {
    pub(crate) live: LiveAccounts,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Salon {
    /// Opens it on the database at `url`.
    async fn open(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = SandboxConfig { no_tls: true, auto_deliver: true, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await.expect("the sandbox starts");
        let platform = platform(url, Clock::shifted(sandbox.clock().offset())).await;
        demo::seed(&platform).await.expect("the demo is seeded");
        let mut connection = platform.db.read().await.expect("connection");
        let business = business::by_subdomain(&mut connection, demo::SUBDOMAIN).await.expect("read").expect("salon");
        Self { sandbox, platform, business, url: url.to_owned(), folder }
    }

    /// Starts the `scheduler` program, with a short lease.
    pub(crate) fn spawn_process(&self) -> Process {
        self.spawn_process_with(&[])
    }

    /// Starts it with more `settings`.
    pub(crate) fn spawn_process_with(&self, settings: &[(&str, &str)]) -> Process {
        Process(self.command(settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }

    /// The `scheduler` program with the settings of this salon and with `settings`.
    pub(crate) fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scheduler"));
        command.env_clear().current_dir(self.folder.path());
        command.env("DATABASE_URL", &self.url).env("LEASE_SECONDS", "3").env("SCHEDULER_METRICS_ADDR", "off");
        command.env("SANDBOX_URL", self.sandbox.base_url()).env("SEALING_KEY", hex::encode(SEALING_KEY));
        command.envs(settings.iter().copied());
        command
    }

    /// Starts a dispatcher in this process.
    pub(crate) async fn spawn(&self) -> Running {
        self.spawn_at(&self.sandbox).await
    }

    /// Another handle of the same salon, as another process has it.
    pub(crate) async fn elsewhere(&self) -> Platform {
        platform(&self.url, Clock::shifted(self.sandbox.clock().offset())).await
    }

    /// Starts a dispatcher in this process, at another sandbox.
    pub(crate) async fn spawn_at(&self, sandbox: &Sandbox) -> Running {
        self.spawn_with(self.platform.clone(), sandbox, Duration::from_secs(2)).await
    }

    /// Starts a dispatcher in this process, which works with `platform` and looks by itself only so often.
    pub(crate) async fn spawn_with(&self, platform: Platform, sandbox: &Sandbox, poll: Duration) -> Running {
        let parts = DispatcherParts {
            platform,
            target: Target::Sandbox(SandboxUrl::of(sandbox.address())),
            sealing_key: SealingKey::new(SEALING_KEY),
            lease: Duration::from_secs(3),
            confirm_within: Duration::from_secs(1),
            poll,
        };
        let dispatcher = Dispatcher::open(parts).await.expect("the dispatcher opens");
        let (live, stop) = (dispatcher.live(), CancellationToken::new());
        let task = tokio::spawn(dispatcher.run(stop.clone()));
        Running { live, stop, task }
    }

    /// Waits until the salon's account is in `state`.
    pub(crate) async fn wait_for(&self, state: AccountState) {
        let reached = async {
            loop {
                let mut connection = self.platform.db.read().await.expect("connection");
                let found = account::of_business(&mut connection, self.business.id).await.expect("read");
                drop(connection);
                if found.expect("account").state == state {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the account gets there in time");
    }

    /// Books the salon's first service at its `number`th free time on the day after tomorrow, for `phone`.
    pub(crate) async fn book(&self, number: usize, phone: &str) -> Booking {
        self.book_at(&self.platform, number, phone).await
    }

    /// The same, in the process that `platform` belongs to.
    pub(crate) async fn book_at(&self, platform: &Platform, number: usize, phone: &str) -> Booking {
        let phone: Phone = phone.parse().expect("phone");
        let (master_id, service_id) = (MasterId::new(1), ServiceId::new(4));
        let now = platform.clock.now();
        let date = self.business.zone.date(now.plus(2 * 86_400));
        let parts = [Item { service_id, master_id }.into()];
        let (wanted, dates) = (Wanted::Visit(&parts), (date, date));
        let free = slots::free(platform, &self.business, wanted, dates, Audience::Public).await;
        let new = NewBooking {
            client: Party::Phone { phone: &phone, name: Some(&"Иван Иванов".parse().expect("name")) },
            parts: &parts,
            start: free.expect("free times")[number].slot.wall,
            notes: &String::new().parse().expect("notes"),
            language: None,
            source: Source::Public { origin: &Origin::system(), hold: None, browser: None },
        };
        visits::create(platform, &self.business, &new).await.expect("the visit is booked")
    }

    /// Gives every lease to `holder` until the Unix second `until`, as if it had been taken.
    pub(crate) async fn set_lease(&self, holder: &str, until: i64) {
        let mut tx = self.platform.db.begin().await.expect("transaction");
        let sql = "update account_leases set holder = $1, fence = fence + 1, until_at = $2";
        db::execute!(&mut tx, sql, holder, until).expect("leases change");
        tx.commit().await.expect("commit");
    }

    /// Lets every lease have ended so many seconds ago, as if its holder had died then.
    pub(crate) async fn let_leases_end_ago(&self, seconds: i64) {
        let ended = self.platform.clock.real_now().plus(-seconds);
        let mut tx = self.platform.db.begin().await.expect("transaction");
        db::execute!(&mut tx, "update account_leases set until_at = $1", ended).expect("leases change");
        tx.commit().await.expect("commit");
    }

    /// Calls a visit off.
    pub(crate) async fn cancel(&self, booking: &Booking) {
        let by = By::Client { business_id: booking.business_id, origin: &Origin::system() };
        let cancelled = visits::change(&self.platform, by, booking.id, &Change::of(Action::Cancel)).await;
        cancelled.expect("the visit is called off");
    }

    /// Waits until the messages of a visit are in `states`, in the order of their times.
    pub(crate) async fn wait_for_states(&self, booking: &Booking, states: &[MessageState]) {
        let reached = async {
            loop {
                let messages = self.messages(booking).await;
                if messages.iter().map(|message| message.state).eq(states.iter().copied()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, reached).await.is_ok();
        assert!(in_time, "{:?} is not {states:?}", self.messages(booking).await);
    }

    /// What became of the messages of a visit, in the order of their times.
    pub(crate) async fn messages(&self, booking: &Booking) -> Vec<MessageStatus> {
        let mut connection = self.platform.db.read().await.expect("connection");
        outbox::of_booking(&mut connection, booking.business_id, booking.id).await.expect("messages")
    }

    /// Moves the sandbox's clock to `at`.
    pub(crate) fn travel_to(&self, at: Timestamp) {
        let ms = at.seconds() * 1000 - self.sandbox.clock().now_ms();
        self.sandbox.clock().advance(ms);
    }

    /// Waits until `phone` shows `count` messages; gives all that it shows then.
    pub(crate) async fn inbox(&self, phone: &str, count: usize) -> Vec<InboxMessage> {
        let arrived = async {
            loop {
                let messages = self.sandbox.wait_inbox(phone, 0, Duration::from_millis(200)).await.expect("inbox");
                if messages.len() >= count {
                    return messages;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, arrived).await.expect("the messages arrive in time")
    }
}

impl Running {
    /// Lets it finish and give its accounts back.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.task.await.expect("the dispatcher ends");
    }
}

/// Runs `test` with a salon on SQLite, then with one on PostgreSQL if there is a server.
pub(crate) async fn on_each(test: impl AsyncFn(Salon)) {
    on_each_url(async |url| test(Salon::open(url).await).await).await;
}

/// Runs `test` with a salon on PostgreSQL if there is a server.
pub(crate) async fn on_postgres(test: impl AsyncFn(Salon)) {
    let Some(database) = PostgresDatabase::create().await else { return };
    test(Salon::open(&database.url).await).await;
    database.drop().await;
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("address").port()
}

async fn platform(url: &str, clock: Clock) -> Platform {
    let db = Db::connect(url).await.expect("the database opens");
    Platform::open(db, clock, Entropy::system(), Policy::default()).await.expect("the platform opens")
}

/// What a message says.
pub(crate) fn text(message: &InboxMessage) -> &str {
    message.text.as_deref().unwrap_or_default()
}
