//! A watch as the actors read it: kube's, with its errors logged and left out.

use std::fmt::Debug;

use futures::{Stream, StreamExt, future};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::{debug, warn};

/// Lists and follows objects. The stream never ends; after an error it lists or watches again, with
/// kube's backoff, and [`watcher::Event::Init`] says that a list that had begun is void. A list's begin
/// is told from its first object.
pub(super) fn follow<K>(
    what: String,
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Event<K>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut failing = false;
    // `Init` comes before every list, also before one that fails, and would reset the backoff each
    // time.
    let items = watcher(api, config)
        .filter(|item| future::ready(!matches!(item, Ok(watcher::Event::Init))))
        .default_backoff();
    items.map(move |item| {
        match item {
            Ok(event) => {
                failing = false;
                event
            }
            Err(error) => {
                // One line an outage, not one an attempt.
                if failing
                    || matches!(&error, watcher::Error::WatchError(status) if status.code == 410)
                {
                    debug!("the watch of {what} failed: {error}");
                } else {
                    warn!("the watch of {what} failed and is made again: {error}");
                    failing = true;
                }
                watcher::Event::Init
            }
        }
    })
}
