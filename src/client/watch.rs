//! A watch: lists one kind of object, follows its changes, and puts them into the engine's channel. One
//! task a kind. It may wait for the engine; it never waits for a write, and nothing that the API server
//! sends ends it.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, future};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::engine::{Event, Kind};
use crate::model::PodKey;
use crate::units::Nanos;
use crate::wire;

use super::Counters;
use super::watch_log::{Trouble, WatchLog};

/// The pause before a watch is made anew after its start was answered 410.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Watches the objects of `kind` until nobody receives `events` any more.
///
/// [`Event::ListBegin`] comes when a list gives its first object. Where a list breaks off, the next one
/// begins with another [`Event::ListBegin`]; only the one that [`Event::ListEnd`] ends was complete.
pub async fn watch(
    client: Client,
    kind: Kind,
    events: mpsc::Sender<Event>,
    counters: Arc<Counters>,
) {
    match kind {
        Kind::Node => follow::<wire::Node>(client, events, counters).await,
        Kind::Pod => follow::<wire::Pod>(client, events, counters).await,
        Kind::Namespace => follow::<wire::Namespace>(client, events, counters).await,
    }
}

/// A kind of object that is watched.
trait Watched:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    const KIND: Kind;
    const PLURAL: &'static str;
    /// Objects that it is about; empty means all.
    const FIELDS: &'static str;
    /// That it was added or changed.
    fn upsert(&self) -> Result<Event, wire::ObjectError>;
    /// That it is gone. Reads only its metadata, so it cannot fail.
    fn delete(&self) -> Event;
}

impl Watched for wire::Pod {
    const KIND: Kind = Kind::Pod;
    const PLURAL: &'static str = "pods";
    // Finished pods use nothing; one that finishes leaves the selection, which reads as a deletion.
    const FIELDS: &'static str = "status.phase!=Succeeded,status.phase!=Failed";

    fn upsert(&self) -> Result<Event, wire::ObjectError> {
        Ok(Event::PodUpsert(Box::new(self.to_model()?)))
    }

    fn delete(&self) -> Event {
        let meta = self.meta();
        let key =
            PodKey { namespace: text(meta.namespace.as_ref()), name: text(meta.name.as_ref()) };
        Event::PodDelete { key, uid: text(meta.uid.as_ref()) }
    }
}

impl Watched for wire::Node {
    const KIND: Kind = Kind::Node;
    const PLURAL: &'static str = "nodes";
    const FIELDS: &'static str = "";

    fn upsert(&self) -> Result<Event, wire::ObjectError> {
        Ok(Event::NodeUpsert(Box::new(self.to_model()?)))
    }

    fn delete(&self) -> Event {
        Event::NodeDelete(text(self.meta().name.as_ref()))
    }
}

impl Watched for wire::Namespace {
    const KIND: Kind = Kind::Namespace;
    const PLURAL: &'static str = "namespaces";
    const FIELDS: &'static str = "";

    fn upsert(&self) -> Result<Event, wire::ObjectError> {
        Ok(Event::NamespaceUpsert(Box::new(self.to_model()?)))
    }

    fn delete(&self) -> Event {
        Event::NamespaceDelete(text(self.meta().name.as_ref()))
    }
}

fn text(value: Option<&String>) -> Box<str> {
    value.map(String::as_str).unwrap_or_default().into()
}

/// Why a stream of a watch is given up.
enum End {
    /// Nobody receives the events any more.
    NoReceiver,
    /// The watch has to be made anew.
    Restart,
}

async fn follow<K: Watched>(client: Client, events: mpsc::Sender<Event>, counters: Arc<Counters>) {
    let mut feed = Feed {
        events,
        listing: false,
        log: WatchLog::new(K::PLURAL, counters),
        started: Instant::now(),
    };
    loop {
        let mut config = watcher::Config::default();
        if !K::FIELDS.is_empty() {
            config = config.fields(K::FIELDS);
        }
        // `Init` comes before every list, also before one that fails. It would reset the backoff each
        // time, so it is left out here and the begin of a list is told from its first object.
        let stream = watcher(Api::<K>::all(client.clone()), config)
            .filter(|item| future::ready(!matches!(item, Ok(watcher::Event::Init))))
            .default_backoff();
        match feed.run(pin!(stream)).await {
            End::NoReceiver => return,
            End::Restart => sleep(RESTART_AFTER).await,
        }
    }
}

/// Turns what a watch reads into events.
struct Feed {
    events: mpsc::Sender<Event>,
    /// A list has begun and not ended.
    listing: bool,
    log: WatchLog,
    started: Instant,
}

impl Feed {
    async fn run<K: Watched>(
        &mut self,
        stream: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Unpin,
    ) -> End {
        // One wait for the whole stream, rather than one an item.
        let receiver = self.events.clone();
        tokio::select! {
            biased;
            () = receiver.closed() => End::NoReceiver,
            end = self.read(stream) => end,
        }
    }

    async fn read<K: Watched>(
        &mut self,
        mut stream: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Unpin,
    ) -> End {
        loop {
            let item = stream.next().await;
            let event = match item {
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    // After an error a list starts from its beginning.
                    self.listing = false;
                    self.log.failed(&error, self.now());
                    if must_restart(&error) {
                        return End::Restart;
                    }
                    continue;
                }
                None => return End::Restart,
            };
            if self.pass_on(event).await.is_err() {
                return End::NoReceiver;
            }
        }
    }

    async fn pass_on<K: Watched>(&mut self, event: watcher::Event<K>) -> Result<(), NoReceiver> {
        match event {
            watcher::Event::Init => {}
            watcher::Event::InitApply(object) => {
                self.begin(K::KIND).await?;
                self.upsert(&object).await?;
            }
            watcher::Event::InitDone => {
                self.begin(K::KIND).await?;
                self.listing = false;
                self.send(Event::ListEnd(K::KIND)).await?;
            }
            watcher::Event::Apply(object) => self.upsert(&object).await?,
            watcher::Event::Delete(object) => self.send(object.delete()).await?,
        }
        Ok(())
    }

    async fn begin(&mut self, kind: Kind) -> Result<(), NoReceiver> {
        if self.listing {
            return Ok(());
        }
        self.listing = true;
        self.send(Event::ListBegin(kind)).await
    }

    async fn upsert<K: Watched>(&mut self, object: &K) -> Result<(), NoReceiver> {
        match object.upsert() {
            Ok(event) => self.send(event).await,
            Err(error) => {
                let meta = object.meta();
                let id = meta.uid.as_ref().or(meta.name.as_ref());
                self.log.undecodable(id.map(String::as_str).unwrap_or_default(), &error);
                Ok(())
            }
        }
    }

    async fn send(&mut self, event: Event) -> Result<(), NoReceiver> {
        self.events.send(event).await.map_err(|_| NoReceiver)
    }

    fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

struct NoReceiver;

/// kube 5's watcher goes on with its resource version where the start of a watch is answered 410; only
/// an error in the stream makes it list again.
fn must_restart(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(_)) && Trouble::new(error).is_expired()
}
