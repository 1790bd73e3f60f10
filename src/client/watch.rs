//! A watch: lists one kind of object, follows its changes, and puts them into the engine's channel. One
//! task a kind. It may wait for the engine; it never waits for a write, and nothing that the API server
//! sends, or does not send, ends it.
//!
//! Its own rather than `kube`'s watcher: that one gives up a whole list for an object that it cannot decode,
//! passes over a line that it cannot read, waits for an answer for ever, starts a watch again without a
//! pause where each ends at once, and knows nothing of Retry-After.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::engine::{Event, Kind};
use crate::model::{ObjectKey, ObjectKind, PodKey};
use crate::units::Nanos;
use crate::wire::{self, Alike, Change, Identity, ObjectError, protobuf};

use super::api::{Api, Problem};
use super::lines::{self, Cut, Format, Lines, SILENCE_MAX, WATCH_SECONDS};
use super::trouble::Trouble;
use super::watch_log::{Said, WatchLog};
use super::{Counters, RawObjects};

/// Objects of a page of a list. Upstream: client-go's pager.
const PAGE_OBJECTS: usize = 500;

/// The pause after the first failure; it doubles. Upstream: cache.NewReflector, v1.37.
const PAUSE_FIRST: Nanos = Nanos(800 * Nanos::MILLISECOND.0);

/// The longest pause that the API server does not ask for.
const PAUSE_MAX: Nanos = Nanos::from_secs(30);

/// A watch that ends earlier and has said nothing counts as a failure. Upstream: handleAnyWatch, v1.37.
const VERY_SHORT: Duration = Duration::from_secs(1);

/// How watches are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// In protobuf, where the server has it.
    pub protobuf: bool,
    /// Where the JSON of nodes and pods goes; they are then read in JSON.
    pub raw: Option<Arc<RawObjects>>,
}

/// Watches the objects of `kind` until nobody receives `events` any more. `said` is what all watches share.
///
/// [`Event::ListBegin`] comes when a list gives its first page. Where a list breaks off, the next one
/// begins with another [`Event::ListBegin`]; only the one that [`Event::ListEnd`] ends was complete.
pub async fn watch(
    client: Client,
    kind: Kind,
    events: mpsc::Sender<Event>,
    counters: Arc<Counters>,
    said: Said,
    how: Reading,
) {
    match kind {
        Kind::Node if how.raw.is_some() => {
            follow::<wire::WithRaw<wire::Node>>(client, events, counters, said, how).await;
        }
        Kind::Pod if how.raw.is_some() => {
            follow::<wire::WithRaw<wire::Pod>>(client, events, counters, said, how).await;
        }
        Kind::Node => follow::<wire::Node>(client, events, counters, said, how).await,
        Kind::Pod => follow::<wire::Pod>(client, events, counters, said, how).await,
        Kind::Namespace => follow::<wire::Namespace>(client, events, counters, said, how).await,
        Kind::Object(kind) => watch_objects(client, kind, events, counters, said, how).await,
    }
}

/// The same for the kinds that are kept by name.
async fn watch_objects(
    client: Client,
    kind: ObjectKind,
    events: mpsc::Sender<Event>,
    counters: Arc<Counters>,
    said: Said,
    how: Reading,
) {
    /// Follows the objects of a kind with the type that decodes them.
    macro_rules! by_kind {
        ($($kind:ident),+) => {
            match kind {
                $(ObjectKind::$kind => {
                    follow::<wire::$kind>(client, events, counters, said, how).await;
                })+
            }
        };
    }
    by_kind!(
        Service,
        ReplicationController,
        ReplicaSet,
        StatefulSet,
        PodDisruptionBudget,
        PersistentVolumeClaim,
        PersistentVolume,
        StorageClass,
        CsiNode,
        CsiDriver,
        CsiStorageCapacity,
        VolumeAttachment
    );
}

/// A kind of object that is watched.
trait Watched: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static {
    const KIND: Kind;
    /// Whether its JSON is kept.
    const IS_RAW: bool = false;
    /// The part of a query that selects the objects that it is about.
    const SELECTION: &'static str;
    /// That it was added or changed; a pod shares with those before it.
    fn upsert(&self, alike: &mut Alike) -> Result<Event, ObjectError>;
    /// That the object of this identity is gone.
    fn delete(gone: Identity) -> Event;
    /// Its JSON, where that is kept.
    fn raw(&self) -> Option<&RawValue> {
        None
    }
}

impl<K: Watched> Watched for wire::WithRaw<K> {
    const KIND: Kind = K::KIND;
    const IS_RAW: bool = true;
    const SELECTION: &'static str = K::SELECTION;

    fn upsert(&self, alike: &mut Alike) -> Result<Event, ObjectError> {
        self.object.upsert(alike)
    }

    fn delete(gone: Identity) -> Event {
        K::delete(gone)
    }

    fn raw(&self) -> Option<&RawValue> {
        Some(&self.raw)
    }
}

impl Watched for wire::Pod {
    const KIND: Kind = Kind::Pod;
    // Finished pods use nothing; one that finishes leaves the selection, which reads as a deletion.
    const SELECTION: &'static str =
        "&fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";

    fn upsert(&self, alike: &mut Alike) -> Result<Event, ObjectError> {
        Ok(Event::PodUpsert(Box::new(self.to_model_among(alike)?)))
    }

    fn delete(gone: Identity) -> Event {
        let key = PodKey { namespace: gone.namespace.into(), name: gone.name.into() };
        Event::PodDelete { key, uid: gone.uid.into() }
    }
}

impl Watched for wire::Node {
    const KIND: Kind = Kind::Node;
    const SELECTION: &'static str = "";

    fn upsert(&self, _: &mut Alike) -> Result<Event, ObjectError> {
        Ok(Event::NodeUpsert(Box::new(self.to_model()?)))
    }

    fn delete(gone: Identity) -> Event {
        Event::NodeDelete(gone.name.into())
    }
}

impl Watched for wire::Namespace {
    const KIND: Kind = Kind::Namespace;
    const SELECTION: &'static str = "";

    fn upsert(&self, _: &mut Alike) -> Result<Event, ObjectError> {
        Ok(Event::NamespaceUpsert(Box::new(self.to_model()?)))
    }

    fn delete(gone: Identity) -> Event {
        Event::NamespaceDelete(gone.name.into())
    }
}

impl<K: wire::Kept + Send + Sync + 'static> Watched for K {
    const KIND: Kind = Kind::Object(<K as wire::Kept>::KIND);
    const SELECTION: &'static str = "";

    fn upsert(&self, _: &mut Alike) -> Result<Event, ObjectError> {
        Ok(Event::ObjectUpsert(Box::new(self.to_model()?)))
    }

    fn delete(gone: Identity) -> Event {
        let key = ObjectKey { namespace: gone.namespace.into(), name: gone.name.into() };
        Event::ObjectDelete(<K as wire::Kept>::KIND, key)
    }
}

/// Why a list or a watch is given up.
enum Stop {
    /// Nobody receives the events any more.
    NoReceiver,
    /// It failed.
    Failed(Trouble),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Stop::Failed(trouble)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Failed(Trouble::Problem(problem))
    }
}

async fn follow<K: Watched>(
    client: Client,
    events: mpsc::Sender<Event>,
    counters: Arc<Counters>,
    said: Said,
    how: Reading,
) {
    // One wait for the whole watch, rather than one an event.
    let receiver = events.clone();
    let log = WatchLog::new(K::KIND.plural(), Arc::clone(&counters), said);
    let (api, started) = (Api::new(client), Instant::now());
    let raw = how.raw.filter(|_| K::IS_RAW);
    let wanted = if how.protobuf && !K::IS_RAW { Format::Protobuf } else { Format::Json };
    let alike = Alike::default();
    let mut feed = Feed {
        api,
        wanted,
        events,
        log,
        failures: 0,
        started,
        raw,
        counters,
        arrived: None,
        alike,
    };
    tokio::select! {
        biased;
        () = receiver.closed() => {}
        () = feed.run::<K>() => {}
    }
}

/// Turns what lists and watches of one kind say into events.
struct Feed {
    api: Api,
    wanted: Format,
    events: mpsc::Sender<Event>,
    log: WatchLog,
    /// Failures since a watch last said something.
    failures: u32,
    started: Instant,
    raw: Option<Arc<RawObjects>>,
    counters: Arc<Counters>,
    /// When the change that is passed on came; none of a list.
    arrived: Option<Instant>,
    /// What pods have in common.
    alike: Alike,
}

impl Feed {
    async fn run<K: Watched>(&mut self) {
        // Where to go on; none where it has to list.
        let mut version = None;
        loop {
            let listing = version.is_none();
            let outcome = match &mut version {
                None => self.list::<K>().await.map(|listed| version = Some(listed)),
                Some(version) => self.changes::<K>(version).await,
            };
            match outcome {
                Ok(()) if listing => {}
                // A watch that worked. A list alone proves little: what follows it may fail each time.
                Ok(()) => self.failures = 0,
                Err(Stop::NoReceiver) => return,
                Err(Stop::Failed(trouble)) => {
                    if trouble.must_list() {
                        version = None;
                    }
                    // Once is chance.
                    if !(self.failures == 0 && matches!(trouble, Trouble::Short(_))) {
                        self.log.failed(&trouble, self.now());
                    }
                    let own = Nanos(PAUSE_FIRST.0 << self.failures.min(16)).min(PAUSE_MAX);
                    self.failures += 1;
                    let pause = own.max(trouble.retry_after().unwrap_or_default());
                    sleep(Duration::from_nanos(pause.0)).await;
                }
            }
        }
    }

    /// Lists everything, page by page; gives the version to go on from.
    async fn list<K: Watched>(&mut self) -> Result<String, Stop> {
        let (path, mut next) = (K::url_path(&(), None), String::new());
        let mut begun = false;
        self.arrived = None;
        loop {
            let mut url = format!("{path}?limit={PAGE_OBJECTS}{}", K::SELECTION);
            if !next.is_empty() {
                push_query(&mut url, "continue", &next);
            }
            let (format, body) = self.api.open(&url, self.wanted, SILENCE_MAX).await?;
            let text = lines::whole(body).await.map_err(Trouble::cut)?;
            let page = match format {
                Format::Json => wire::page::<K>(&text).map_err(|error| error.to_string()),
                Format::Protobuf => protobuf::page::<K>(&text).map_err(str::to_owned),
            };
            let page =
                page.map_err(|error| Trouble::Garbage(format!("this is no list: {error}")))?;
            drop(text);
            if page.next.is_empty() && page.resource_version.is_empty() {
                return Err(Trouble::Garbage("a list without a version".to_owned()).into());
            }
            if !begun {
                begun = true;
                if let Some(raw) = &self.raw {
                    raw.list_begins(K::KIND);
                }
                self.send(Event::ListBegin(K::KIND)).await?;
            }
            for broken in page.unreadable {
                self.unreadable(&broken);
            }
            for object in page.objects {
                self.upsert(&object).await?;
            }
            next = page.next;
            if next.is_empty() {
                if let Some(raw) = &self.raw {
                    raw.list_ends(K::KIND);
                }
                self.send(Event::ListEnd(K::KIND)).await?;
                return Ok(page.resource_version);
            }
        }
    }

    /// Follows the changes since `version`, which it keeps up to date, until the watch ends in a way that
    /// is no failure.
    async fn changes<K: Watched>(&mut self, version: &mut String) -> Result<(), Stop> {
        let mut url = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}{}",
            K::url_path(&(), None),
            K::SELECTION
        );
        push_query(&mut url, "resourceVersion", version);
        let opened = Instant::now();
        let (format, body) = self.api.open(&url, self.wanted, SILENCE_MAX).await?;
        let mut lines = Lines::new(format, body);
        self.log.works();
        let mut worked = false;
        loop {
            match lines.next().await {
                Ok(Some((line, arrived))) => {
                    let change = match format {
                        Format::Json => wire::change::<K>(line).map_err(|error| error.to_string()),
                        Format::Protobuf => protobuf::change::<K>(line),
                    };
                    let change = change
                        .map_err(|error| Trouble::Garbage(format!("a line of a watch: {error}")))?;
                    self.arrived = Some(arrived);
                    self.pass_on(change, version).await?;
                    worked = true;
                    self.failures = 0;
                }
                // Connections end. What matters is whether the next one comes about.
                Ok(None) if worked || opened.elapsed() >= VERY_SHORT => return Ok(()),
                Ok(None) => return Err(Trouble::Short("in order".to_owned()).into()),
                Err(Cut::Broken(text)) if worked || opened.elapsed() >= VERY_SHORT => {
                    debug!("the watch of {} broke off: {text}", K::KIND.plural());
                    return Ok(());
                }
                Err(Cut::Broken(text)) => return Err(Trouble::Short(text).into()),
                Err(cut) => return Err(Trouble::cut(cut).into()),
            }
        }
    }

    async fn pass_on<K: Watched>(
        &mut self,
        change: Change<K>,
        version: &mut String,
    ) -> Result<(), Stop> {
        let reached = match change {
            Change::Upsert(object) => {
                self.upsert(&object).await?;
                object.meta().resource_version.clone().unwrap_or_default()
            }
            Change::Unreadable(broken) => {
                self.unreadable(&broken);
                broken.identity.resource_version
            }
            Change::Delete(mut gone) => {
                let reached = std::mem::take(&mut gone.resource_version);
                if let Some(raw) = &self.raw {
                    raw.forget(K::KIND, &gone);
                }
                self.send(K::delete(gone)).await?;
                reached
            }
            Change::Bookmark(reached) => reached,
            Change::Error { code, message } => return Err(Trouble::Ended { code, message }.into()),
        };
        if !reached.is_empty() {
            *version = reached;
        }
        Ok(())
    }

    async fn upsert<K: Watched>(&mut self, object: &K) -> Result<(), Stop> {
        match object.upsert(&mut self.alike) {
            Ok(event) => {
                if let (Some(kept), Some(raw)) = (&self.raw, object.raw()) {
                    kept.keep(&event, raw);
                }
                if let (Event::PodUpsert(pod), Some(at)) = (&event, self.arrived)
                    && pod.node_name.is_none()
                {
                    self.counters.watch_to_bind.start(&pod.uid, at);
                }
                self.send(event).await
            }
            Err(error) => {
                let meta = object.meta();
                let id = meta.uid.as_ref().or(meta.name.as_ref());
                self.log.undecodable(id.map(String::as_str).unwrap_or_default(), &error);
                Ok(())
            }
        }
    }

    fn unreadable(&mut self, broken: &wire::Unreadable) {
        let Identity { uid, name, .. } = &broken.identity;
        self.log.undecodable(if uid.is_empty() { name } else { uid }, &broken.error);
    }

    async fn send(&mut self, event: Event) -> Result<(), Stop> {
        self.events.send(event).await.map_err(|_| Stop::NoReceiver)
    }

    fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Appends `&key=value`, with the escapes that a query wants.
fn push_query(url: &mut String, key: &str, value: &str) {
    url.push('&');
    url.push_str(key);
    url.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            // A String takes all.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}
