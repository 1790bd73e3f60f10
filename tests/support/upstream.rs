//! Builds the programs of the Go module `tests/upstream`, once per version of their sources.
//!
//! [`super::control_plane`] and [`super::oracle`] ask for them by name.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::say;

/// The Go module, beside this folder.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upstream");
/// The programs whose sources are in the module itself, each in the folder of its name.
const OWN: [&str; 8] =
    ["config", "etcd", "informers", "loadgen", "oracle", "patches", "schema", "wire"];
/// The programs that come from Kubernetes.
const KUBERNETES: [&str; 4] =
    ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];
/// The programs that a folder of ready-made test assets may hold.
const ASSETS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// The path of `program`: from `KUBEBUILDER_ASSETS`, from the cache, or built now.
///
/// `None` means that it is in neither place and Go is not installed.
pub(crate) fn binary(program: &str) -> Result<Option<PathBuf>> {
    let package = package(program)?;
    if let Some(asset) = asset(program) {
        return Ok(Some(asset));
    }
    let folder = cache_folder()?.join(format!("{program}-{:016x}", source_hash(program)?));
    let built = folder.join(program);
    if built.exists() {
        return Ok(Some(built));
    }
    if !go_is_installed()? {
        return Ok(None);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    if !built.exists() {
        build(&package, &built)?;
    }
    Ok(Some(built))
}

fn asset(program: &str) -> Option<PathBuf> {
    if !ASSETS.contains(&program) {
        return None;
    }
    let path = PathBuf::from(env::var_os("KUBEBUILDER_ASSETS")?).join(program);
    path.is_file().then_some(path)
}

/// The folder that keeps the built programs: not `target`, so `cargo clean` does not cost minutes.
fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BERTH_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("kube-berth")))
        .or_else(|| Some(set("HOME")?.join(".cache/kube-berth")))
        .context("none of BERTH_CACHE_DIR, XDG_CACHE_HOME and HOME is set")
}

/// Names a build by what decides it, so that an old program is never taken for a new one.
fn source_hash(program: &str) -> Result<u64> {
    let module = Path::new(MODULE);
    let mut sources = vec![module.join("go.mod"), module.join("go.sum")];
    if OWN.contains(&program) {
        let folder = fs::read_dir(module.join(program))?;
        let mut own: Vec<PathBuf> = folder.map(|e| Ok(e?.path())).collect::<io::Result<_>>()?;
        own.retain(|path| path.extension().is_some_and(|extension| extension == "go"));
        own.sort();
        sources.extend(own);
    }
    let mut all = format!("{} {}", env::consts::OS, env::consts::ARCH).into_bytes();
    for source in sources {
        let text = fs::read(&source).with_context(|| source.display().to_string())?;
        // The length keeps the end of one file apart from the start of the next.
        all.extend(text.len().to_le_bytes());
        all.extend(text);
    }
    Ok(fnv1a(&all))
}

/// FNV-1a, 64 bits: the same in every version of Rust, which the hasher of std need not be.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn go_is_installed() -> Result<bool> {
    match Command::new("go").arg("version").output() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).context("cannot run go"),
    }
}

/// The Go package of a program.
fn package(program: &str) -> Result<String> {
    if OWN.contains(&program) {
        return Ok(format!("./{program}"));
    }
    ensure!(KUBERNETES.contains(&program), "tests/upstream cannot build {program}");
    Ok(format!("k8s.io/kubernetes/cmd/{program}"))
}

fn build(package: &str, built: &Path) -> Result<()> {
    say(&format!("building {package} from tests/upstream: minutes the first time, then kept"));
    let unfinished = built.with_extension("unfinished");
    let output = Command::new("go")
        // The state of the repository around the module is no part of the program.
        .args(["build", "-buildvcs=false", "-ldflags", &version_flags()?, "-o"])
        .arg(&unfinished)
        .arg(package)
        .current_dir(MODULE)
        .env("CGO_ENABLED", "0")
        .output()
        .context("cannot run go build")?;
    if !output.status.success() {
        bail!("go build {package}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    fs::rename(&unfinished, built)?;
    Ok(())
}

/// Linker flags that give the programs the version that go.mod names; without them it is 0.0.0.
fn version_flags() -> Result<String> {
    let go_mod = fs::read_to_string(Path::new(MODULE).join("go.mod"))?;
    let version = go_mod
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))
        .context("go.mod does not require k8s.io/kubernetes")?;
    let mut parts = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (parts.next(), parts.next()) else {
        bail!("go.mod: {version} is not a version")
    };
    let package = "k8s.io/component-base/version";
    let values = [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)];
    Ok(values.map(|(name, value)| format!("-X {package}.{name}={value}")).join(" "))
}
