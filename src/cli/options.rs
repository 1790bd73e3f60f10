//! What the flags of `berth run`, the configuration file and the surroundings mean together. Called by
//! `run`; everything that can be refused before anything is started is refused here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::RunArgs;
use super::go_flags::parse_bool;
use super::leader_flags::own_namespace;
use super::registry;
use crate::config::{
    self, ConfigErrors, Configuration, FeatureState, GateErrors, LeaderElection, Overrides,
    RateLimit,
};
use crate::model::FeatureGates;
use crate::queue::UNSCHEDULABLE_MAX;
use crate::runtime::Guard;
use crate::server::addresses::Addresses;
use crate::units::{Nanos, mix};

/// Where a pod finds the token of its service account.
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What is read from outside the command line, apart from files that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// This process runs in a pod with a service account.
    pub in_cluster: bool,
    /// Nanoseconds since the Unix epoch.
    pub now_nanos: u64,
}

impl Surroundings {
    /// Looks around.
    #[must_use]
    pub fn read() -> Self {
        let given = |name| std::env::var_os(name).is_some_and(|value: OsString| !value.is_empty());
        let address = given("KUBERNETES_SERVICE_HOST") && given("KUBERNETES_SERVICE_PORT");
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            in_cluster: address && Path::new(TOKEN_FILE).exists(),
            now_nanos: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// What `berth run` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOptions {
    /// The configuration with the flags applied. `client.kubeconfig` is `None` only in a cluster.
    pub configuration: Configuration,
    /// The feature gates.
    pub gates: FeatureGates,
    /// All that kube-scheduler knows, for metrics.
    pub features: Vec<FeatureState>,
    /// Seed of the engine; to be said when it starts, so that a run can be repeated.
    pub seed: u64,
    /// Decide and compare, but write nothing.
    pub dry_run: bool,
    /// How one of several berths is chosen, with the namespace; none where there is no election.
    pub leader_election: Option<LeaderElection>,
    /// The decision log, if one is to be written.
    pub decision_log: Option<PathBuf>,
    /// The address of the API server, where that of the kubeconfig is not to be taken.
    pub master: Option<String>,
    /// How long a pod may be unschedulable before it is tried again without an event.
    pub unschedulable_max: Nanos,
    /// Where health and metrics are served.
    pub addresses: Addresses,
    /// Who may ask at the secure port.
    pub guard: Guard,
    /// The whole configuration as YAML, with its defaults and the flags.
    pub written: String,
    /// Where to write that; then nothing is started.
    pub write_config_to: Option<PathBuf>,
    /// How much is logged can be changed at the secure port.
    pub profiling: bool,
    /// Metrics that are left out.
    pub disabled_metrics: Vec<String>,
    /// Every flag of kube-scheduler with its value.
    pub flags: BTreeMap<String, String>,
    /// Lines to be logged as warnings: flags and parts of the file that have no effect.
    pub warnings: Vec<String>,
}

/// Why `berth run` cannot start; the exit code is 2.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The configuration file is refused; several lines.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The feature gates are refused; several lines.
    #[error(transparent)]
    Gates(#[from] GateErrors),
    /// A flag is refused.
    #[error("{flag}: {value}: {message}")]
    Flag {
        /// Its name, with the dashes.
        flag: String,
        /// The value given.
        value: String,
        /// What is wrong with it.
        message: String,
    },
    /// There is nothing to connect to.
    #[error(
        "no cluster to connect to: give --kubeconfig FILE (often $HOME/.kube/config), or run in a \
         pod with a service account (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and \
         {TOKEN_FILE} are not all there)"
    )]
    NoCluster,
}

impl RunArgs {
    /// Works out what to do, reading the `--config` file.
    pub fn resolve(&self, surroundings: Surroundings) -> Result<RunOptions, OptionsError> {
        self.check()?;
        self.component.check()?;
        let gates = self.gates.read()?;
        let features = gates.states();
        let mut warnings = gates.warnings;
        self.upstream.check(&mut warnings)?;
        let file = given(self.config.as_ref());
        let mut configuration = if let Some(file) = file {
            self.warn_of_ignored(&mut warnings);
            let elects = self.leader_election.overrides();
            let configuration = config::load_with(file, &elects, registry(), gates.features)?;
            let of_file = configuration.warnings.iter();
            warnings.extend(of_file.map(|warning| format!("{}: {warning}", file.display())));
            configuration
        } else {
            self.without_file(gates.features)
        };
        self.name_the_profile(&mut configuration)?;
        self.choose_cluster(&mut configuration, surroundings.in_cluster, &mut warnings)?;
        let overrides = self.overrides(&configuration);
        let written = config::render_with(
            file.map(PathBuf::as_path),
            &overrides,
            registry(),
            gates.features,
        )?;
        let leader_election = self.elect(&configuration, &mut warnings)?;
        Ok(RunOptions {
            profiling: configuration_profiling(&written),
            configuration,
            gates: gates.features,
            features,
            seed: self.seed.unwrap_or_else(|| mix(0, surroundings.now_nanos)),
            dry_run: self.dry_run == Some(true),
            leader_election,
            decision_log: given(self.decision_log.as_ref()).cloned(),
            master: self.master.clone().filter(|master| !master.is_empty()),
            unschedulable_max: self
                .pod_max_in_unschedulable_pods_duration
                .map_or(UNSCHEDULABLE_MAX, |longest| {
                    Nanos(u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX))
                }),
            addresses: self.addresses(surroundings.in_cluster, &mut warnings)?,
            guard: self.guard(surroundings.in_cluster),
            written,
            write_config_to: given(self.write_config_to.as_ref()).cloned(),
            disabled_metrics: self.component.disabled(),
            flags: self.upstream.all(),
            warnings,
        })
    }

    /// What the flags change in the configuration that is shown or written.
    fn overrides(&self, found: &Configuration) -> Overrides {
        let kubeconfig = found.client.kubeconfig.as_ref();
        let common = Overrides {
            kubeconfig: kubeconfig.map(|path| path.display().to_string()),
            leader_election: self.leader_election.overrides(),
            ..Overrides::default()
        };
        if given(self.config.as_ref()).is_some() {
            return Overrides { scheduler_name: self.scheduler_name.clone(), ..common };
        }
        let [profile, ..] = found.profiles.as_slice() else { return common };
        Overrides {
            scheduler_name: Some(profile.scheduler_name.as_ref().to_owned()),
            content_type: self.content_type(),
            qps: self.kube_api_qps,
            burst: self.kube_api_burst,
            profiling: self.profiling,
            contention_profiling: self
                .upstream
                .given("contention-profiling")
                .and_then(|text| parse_bool(text).ok()),
            ..common
        }
    }

    fn content_type(&self) -> Option<String> {
        self.kube_api_content_type.clone().filter(|text| !text.is_empty())
    }

    /// Refuses values of the right type that mean nothing.
    fn check(&self) -> Result<(), OptionsError> {
        let refused = |flag: &str, value: String, message: &str| {
            let (flag, message) = (flag.to_owned(), message.to_owned());
            Err(OptionsError::Flag { flag, value, message })
        };
        if self.scheduler_name.as_deref() == Some("") {
            return refused("--scheduler-name", "\"\"".to_owned(), "must not be empty");
        }
        match self.kube_api_burst {
            Some(burst) if burst < 0 => {
                refused("--kube-api-burst", burst.to_string(), "must be non-negative")
            }
            _ => Ok(()),
        }
    }

    /// The configuration that the flags alone make.
    fn without_file(&self, gates: FeatureGates) -> Configuration {
        let burst = self.kube_api_burst.and_then(|burst| u32::try_from(burst).ok());
        let mut configuration = Configuration::default_berth(registry(), gates);
        configuration.client.rate = RateLimit::new(self.kube_api_qps, burst);
        configuration.client.content_type = self.content_type();
        configuration
    }

    fn warn_of_ignored(&self, warnings: &mut Vec<String>) {
        let flags = [
            ("--kube-api-qps", self.kube_api_qps.is_some()),
            ("--kube-api-burst", self.kube_api_burst.is_some()),
            ("--kube-api-content-type", self.kube_api_content_type.is_some()),
            ("--profiling", self.profiling.is_some()),
        ];
        for (flag, _) in flags.into_iter().filter(|(_, given)| *given) {
            warnings.push(format!("{flag} is ignored because --config is given"));
        }
    }

    /// The election that file and flags want.
    fn elect(
        &self,
        configuration: &Configuration,
        warnings: &mut Vec<String>,
    ) -> Result<Option<LeaderElection>, OptionsError> {
        let mut election = configuration.leader_election.clone();
        let of_file = election.warning();
        self.leader_election.apply(&mut election).map_err(|(field, value, message)| {
            OptionsError::Flag { flag: field.flag().to_owned(), value, message: message.to_owned() }
        })?;
        // Nothing is written, so that nobody has to wait for anybody.
        if !election.leader_elect || self.dry_run == Some(true) {
            return Ok(None);
        }
        if let Some((field, value, message)) = election.warning().filter(|_| of_file.is_none()) {
            warnings.push(format!("{}: {value}: {message}", field.flag()));
        }
        if election.resource_namespace.is_empty() {
            let has_kubeconfig = configuration.client.kubeconfig.is_some();
            election.resource_namespace = own_namespace(has_kubeconfig);
        }
        Ok(Some(election))
    }

    /// The flag's name wins over that of the only profile.
    fn name_the_profile(&self, configuration: &mut Configuration) -> Result<(), OptionsError> {
        match (&self.scheduler_name, configuration.profiles.as_mut_slice()) {
            (None, _) => {}
            (Some(name), [profile]) => profile.scheduler_name = name.as_str().into(),
            (Some(name), _) => {
                return Err(OptionsError::Flag {
                    flag: "--scheduler-name".to_owned(),
                    value: format!("\"{name}\""),
                    message: "the --config file has several profiles, each with a name of its own"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The file's kubeconfig wins over the flag, and either over the pod's service account.
    fn choose_cluster(
        &self,
        configuration: &mut Configuration,
        in_cluster: bool,
        warnings: &mut Vec<String>,
    ) -> Result<(), OptionsError> {
        let flag = given(self.kubeconfig.as_ref());
        match (&configuration.client.kubeconfig, flag) {
            (Some(of_file), Some(flag)) if of_file != flag => warnings.push(format!(
                "--kubeconfig is ignored because the --config file names {}",
                of_file.display()
            )),
            (Some(_), _) => {}
            (None, Some(flag)) => configuration.client.kubeconfig = Some(flag.clone()),
            (None, None) if in_cluster || self.master.is_some() => {}
            (None, None) => return Err(OptionsError::NoCluster),
        }
        Ok(())
    }
}

/// What a configuration that was written with its defaults says of profiling.
fn configuration_profiling(written: &str) -> bool {
    written.lines().any(|line| line == "enableProfiling: true")
}

/// A path that is empty was not given.
pub(super) fn given(path: Option<&PathBuf>) -> Option<&PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::args::{Command, try_parse_from};
    use super::super::write_refusal;
    use super::*;
    use crate::server::addresses::{Certificate, CertificateFiles, Secure};
    use crate::server::tls_settings::TlsSettings;

    fn run(line: &str) -> RunArgs {
        let words = ["berth"].into_iter().chain(line.split_whitespace());
        match try_parse_from(words).unwrap().command {
            Command::Run(args) => *args,
            _ => panic!("{line}: not run"),
        }
    }

    const OUTSIDE: Surroundings = Surroundings { in_cluster: false, now_nanos: 5 };
    const IN_CLUSTER: Surroundings = Surroundings { in_cluster: true, now_nanos: 5 };

    fn resolved(line: &str, surroundings: Surroundings) -> RunOptions {
        run(line).resolve(surroundings).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// A configuration file with this body after the usual head.
    fn config_file(directory: &Path, body: &str) -> String {
        let path = directory.join("config.yaml");
        let head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration";
        std::fs::write(&path, format!("{head}\n{body}\n")).unwrap();
        path.display().to_string()
    }

    #[test]
    fn flags_alone_make_a_configuration() {
        let options = resolved("run --kubeconfig k --decision-log d --seed 3", OUTSIDE);
        assert_eq!(options.configuration.profiles[0].scheduler_name.as_ref(), "berth");
        assert_eq!(options.configuration.client.kubeconfig, Some("k".into()));
        assert_eq!(options.configuration.client.rate, RateLimit { qps: Some(50.0), burst: 100 });
        assert_eq!((options.seed, options.decision_log), (3, Some("d".into())));
        assert_eq!(options.warnings, [""; 0]);

        let line =
            "run --scheduler-name s --kube-api-qps -1 --kube-api-burst 7 --leader-elect=false";
        let options = resolved(line, IN_CLUSTER);
        assert_eq!(options.configuration.profiles[0].scheduler_name.as_ref(), "s");
        assert_eq!(options.configuration.client.kubeconfig, None);
        assert_eq!(options.configuration.client.rate, RateLimit { qps: None, burst: 7 });
    }

    #[test]
    fn the_seed_comes_from_the_time_unless_given() {
        let at = |now_nanos| resolved("run", Surroundings { in_cluster: true, now_nanos }).seed;
        assert_eq!(at(5), at(5));
        assert_ne!(at(5), at(6));
        assert_eq!(resolved("run --seed 0", IN_CLUSTER).seed, 0);
        assert!(Surroundings::read().now_nanos > 0);
    }

    #[test]
    fn where_health_and_metrics_are_served() {
        let at = |line: &str| resolved(&format!("run --kubeconfig k {line}"), OUTSIDE).addresses;
        let secure = |address: &str, certificate| {
            Some(Secure {
                address: address.parse().unwrap(),
                certificate,
                tls: TlsSettings::default(),
                streams_max: None,
                port_sharing: false,
            })
        };
        let made = || Certificate::InMemory;
        assert_eq!(at(""), Addresses { secure: secure("0.0.0.0:10259", made()), plain: None });
        assert_eq!(at("--secure-port 0"), Addresses::default());
        assert_eq!(at("--bind-address :: --secure-port 9").secure, secure("[::]:9", made()));
        let line = "--tls-cert-file= --tls-private-key-file= --http-address [::1]:80";
        let plain = Some("[::1]:80".parse().unwrap());
        assert_eq!(at(line), Addresses { secure: secure("0.0.0.0:10259", made()), plain });

        let files = CertificateFiles { certificate: "c".into(), key: "p".into() };
        let files = Certificate::Files(files);
        let line = "--tls-cert-file c --tls-private-key-file p";
        assert_eq!(at(line).secure, secure("0.0.0.0:10259", files));
        let options = resolved(&format!("run --secure-port=0 {line}"), IN_CLUSTER);
        assert_eq!(options.warnings, ["--tls-cert-file is ignored because --secure-port is 0"]);
        for (line, said) in [
            ("--tls-cert-file c", "--tls-cert-file: c: --tls-private-key-file is needed with it"),
            (
                "--tls-private-key-file p",
                "--tls-private-key-file: p: --tls-cert-file is needed with it",
            ),
        ] {
            let error = run(&format!("run {line}")).resolve(IN_CLUSTER).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
        for line in
            ["--secure-port 65536", "--secure-port=-1", "--bind-address h", "--http-address 80"]
        {
            let words = ["berth", "run"].into_iter().chain(line.split_whitespace());
            let error = try_parse_from(words).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            let flag = line.split([' ', '=']).next().unwrap();
            assert!(error.to_string().contains(flag), "{error}");
        }
    }

    #[test]
    fn the_file_is_changed_by_some_flags_and_ignores_others() {
        let directory = tempfile::tempdir().unwrap();
        let body =
            "profiles: [{schedulerName: of-file}]\nclientConnection: {qps: 9, kubeconfig: kf}";
        let file = config_file(directory.path(), body);
        let options = resolved(&format!("run --config {file}"), OUTSIDE);
        assert_eq!(options.configuration.profiles[0].scheduler_name.as_ref(), "of-file");
        assert_eq!(options.configuration.client.kubeconfig, Some("kf".into()));
        assert_eq!(options.warnings, [""; 0]);

        let line = format!(
            "run --config {file} --scheduler-name s --kube-api-qps 1 --kube-api-burst 1 --kubeconfig k"
        );
        let options = resolved(&line, OUTSIDE);
        assert_eq!(options.configuration.profiles[0].scheduler_name.as_ref(), "s");
        assert_eq!(options.configuration.client.kubeconfig, Some("kf".into()));
        assert_eq!(options.configuration.client.rate, RateLimit { qps: Some(9.0), burst: 100 });
        assert_eq!(
            options.warnings,
            [
                "--kube-api-qps is ignored because --config is given",
                "--kube-api-burst is ignored because --config is given",
                "--kubeconfig is ignored because the --config file names kf",
            ]
        );

        let file = config_file(directory.path(), "");
        let options = resolved(&format!("run --config {file} --kubeconfig k"), IN_CLUSTER);
        assert_eq!(options.configuration.profiles[0].scheduler_name.as_ref(), "default-scheduler");
        assert_eq!(options.configuration.client.kubeconfig, Some("k".into()));
    }

    #[test]
    fn what_has_no_effect_is_warned_about() {
        let directory = tempfile::tempdir().unwrap();
        let file = config_file(directory.path(), "parallelism: 8");
        let options = resolved(&format!("run --config {file}"), IN_CLUSTER);
        assert_eq!(options.warnings, [format!("{file}: parallelism: 8: has no effect")]);
    }

    #[test]
    fn a_lease_is_stood_for_unless_somebody_says_no() {
        let lease = |line: &str| {
            let election = resolved(line, OUTSIDE).leader_election;
            election.map(|it| format!("{}/{}", it.resource_namespace, it.resource_name))
        };
        let directory = tempfile::tempdir().unwrap();
        let on = config_file(directory.path(), "leaderElection: {resourceName: c}");
        let other = tempfile::tempdir().unwrap();
        let off = config_file(other.path(), "leaderElection: {leaderElect: false}");
        let table = [
            (String::new(), Some("kube-system/berth")),
            ("--leader-elect=false".to_owned(), None),
            ("--dry-run".to_owned(), None),
            (
                "--leader-elect-resource-name a --leader-elect-resource-namespace b".to_owned(),
                Some("b/a"),
            ),
            (format!("--config {on}"), Some("kube-system/c")),
            (format!("--config {on} --leader-elect-resource-name d"), Some("kube-system/d")),
            (format!("--config {off}"), None),
            (format!("--config {off} --leader-elect"), Some("kube-system/berth")),
        ];
        for (flags, expected) in table {
            let line = format!("run --kubeconfig k {flags}");
            assert_eq!(lease(&line).as_deref(), expected, "{line}");
        }
        let line = "run --kubeconfig k --leader-elect-resource-name kube-scheduler";
        let warnings = resolved(line, OUTSIDE).warnings;
        let flag =
            "--leader-elect-resource-name: \"kube-scheduler\": is the lease of the cluster's own";
        assert!(warnings.len() == 1 && warnings[0].starts_with(flag), "{warnings:?}");
    }

    #[test]
    fn an_election_that_cannot_be_is_refused() {
        let table = [
            (
                "--leader-elect-lease-duration 10s",
                "--leader-elect-lease-duration: \"10s\": must be greater than `RenewDeadline`",
            ),
            (
                "--leader-elect-retry-period 9s",
                "--leader-elect-renew-deadline: \"10s\": renewDeadline must be greater than \
                 retryPeriod*JitterFactor",
            ),
            (
                "--leader-elect-resource-lock endpoints",
                "--leader-elect-resource-lock: \"endpoints\": resourceLock value must be \"leases\"",
            ),
        ];
        for (flags, expected) in table {
            let line = format!("run --kubeconfig k {flags}");
            assert_eq!(run(&line).resolve(OUTSIDE).unwrap_err().to_string(), expected);
            resolved(&format!("{line} --leader-elect=false"), OUTSIDE);
        }
    }

    #[test]
    fn flags_mend_the_election_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let table = [
            ("leaseDuration: 5s", "--leader-elect-lease-duration 60s", "must be greater than"),
            ("leaseDuration: 5s", "--leader-elect=false", "must be greater than"),
            ("leaseDuration: -5s", "--leader-elect-lease-duration 60s", "must be greater than"),
            (
                "resourceLock: endpoints",
                "--leader-elect-resource-lock leases",
                "must be \"leases\"",
            ),
        ];
        for (block, flags, wrong) in table {
            let file = config_file(directory.path(), &format!("leaderElection: {{{block}}}"));
            let line = format!("run --kubeconfig k --config {file}");
            resolved(&format!("{line} {flags}"), OUTSIDE);
            for not_mended in [line.clone(), format!("{line} --leader-elect-retry-period 1s")] {
                let error = run(&not_mended).resolve(OUTSIDE).unwrap_err().to_string();
                let of_file = error.starts_with(&format!("{file}: leaderElection."));
                assert!(of_file && error.contains(wrong), "{not_mended}: {error}");
            }
        }
    }

    #[test]
    fn what_cannot_be_started_is_said_on_one_line_a_finding() {
        let directory = tempfile::tempdir().unwrap();
        let file = config_file(directory.path(), "foo: 1\nprofiles: [{bar: 2}]");
        let said = |line: &str| {
            let error = run(line).resolve(OUTSIDE).expect_err(line);
            let mut out = Vec::new();
            write_refusal(&mut out, &error).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            said(&format!("run --config {file}")),
            format!(
                "error: {file}: foo: unknown field\nerror: {file}: profiles[0].bar: unknown field\n"
            )
        );
        let file =
            config_file(directory.path(), "profiles: [{schedulerName: a}, {schedulerName: b}]");
        assert_eq!(
            said(&format!("run --config {file} --scheduler-name s --kubeconfig k")),
            "error: --scheduler-name: \"s\": the --config file has several profiles, each with a name \
             of its own\n"
        );
        assert_eq!(
            said("run --kube-api-burst=-5"),
            "error: --kube-api-burst: -5: must be non-negative\n"
        );
        assert_eq!(
            said("run --scheduler-name="),
            "error: --scheduler-name: \"\": must not be empty\n"
        );
        assert!(matches!(run("run").resolve(OUTSIDE), Err(OptionsError::NoCluster)));
        for line in ["run", "run --kubeconfig=", "run --config="] {
            let said = said(line);
            assert!(
                said.contains("--kubeconfig FILE") && said.contains("service account"),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}
