//! Making a cluster, so that it can be cut off anywhere and repeated.
//!
//! The draft is written first and becomes the record last. Whatever lies beside a draft is thrown away when
//! creation is repeated: a cluster takes a second to make, and there is nothing in it yet.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::confine::Cell;
use super::error::ClusterError;
use super::folder::{self, Layout, Lock};
use super::owner::{Owner, we_are_root};
use super::record::{Record, check_hosts};
use super::{Cluster, Home, Plan, Step, blocking, port, settings};

/// How often another port is tried when someone takes the chosen one before the server does.
const ATTEMPTS: usize = 5;

impl Cluster {
    /// Makes a cluster and starts it. Repeatable: what an earlier attempt left half made is made anew, and one
    /// that is whole is only started; so a repetition must bring the same plan.
    pub async fn create(
        home: &Home,
        plan: &Plan,
        progress: &(dyn Fn(Step) + Send + Sync),
    ) -> Result<Self, ClusterError> {
        let cluster = Self::at(home, &plan.name)?;
        let owner = plan.check()?;
        progress(Step::Folder);
        let _lock = cluster.blocking(|cluster| cluster.hold_folder()).await?;
        if cluster.record().await?.is_some() {
            cluster.start_locked().await?;
            progress(Step::Ready);
            return Ok(cluster);
        }
        let mut record = cluster.empty(plan, owner).await?;
        progress(Step::Initdb);
        cluster.initdb(plan, owner).await?;
        progress(Step::Certificate);
        let kept = record.clone();
        cluster.blocking(move |cluster| cluster.certify(&kept)).await?;
        progress(Step::Settings);
        let rules = settings::hba(&[], &plan.networks);
        cluster
            .blocking(move |cluster| {
                settings::write(&cluster.layout, owner, "pg_hba.conf", &rules)?;
                settings::write_all(&cluster.layout, owner)
            })
            .await?;
        progress(Step::Start);
        cluster.first_start(plan, &mut record).await?;
        cluster.blocking(|cluster| cluster.finish()).await?;
        progress(Step::Ready);
        Ok(cluster)
    }

    /// Makes the folder if need be, and holds it.
    fn hold_folder(&self) -> Result<Lock, ClusterError> {
        loop {
            folder::make(&self.layout.folder, passable())?;
            // Between the two someone may have removed it.
            if let Some(lock) = Lock::take(&self.layout.folder)? {
                return Ok(lock);
            }
        }
    }

    /// Leaves the folder with a draft and empty parts, and nothing running in it.
    async fn empty(&self, plan: &Plan, owner: Owner) -> Result<Record, ClusterError> {
        let draft = self.blocking(|cluster| cluster.earlier()).await?;
        if let Some(draft) = &draft {
            self.stop_locked(draft.runs_as()?, std::time::Duration::ZERO).await?;
        }
        let plan = plan.clone();
        self.blocking(move |cluster| {
            let layout = &cluster.layout;
            let folder = &layout.folder;
            fs::set_permissions(folder, Permissions::from_mode(passable()))
                .map_err(ClusterError::file("Could not open up", folder))?;
            folder::traversable(folder, owner)?;
            folder::traversable(&plan.installation.bin, owner)?;
            folder::empty_but(folder, &layout.draft())?;
            let record = cluster.draw_up(&plan, draft.map(|draft| draft.port))?;
            folder::make(&layout.settings(), 0o750)?;
            for part in [layout.data(), layout.run(), layout.log()] {
                folder::make(&part, 0o700)?;
                folder::hand_over(&part, owner)?;
            }
            if we_are_root() {
                // The server's group may read its settings; the folder stays ours.
                folder::hand_over(&layout.settings(), Owner { uid: 0, ..owner })?;
            }
            Ok(record)
        })
        .await
    }

    /// The draft of an attempt that was cut short; refuses a folder with anything else in it.
    fn earlier(&self) -> Result<Option<Record>, ClusterError> {
        let folder = &self.layout.folder;
        let draft = Record::read(&self.layout.draft())?;
        // A draft that was being written is nothing yet.
        let unborn = self.layout.draft().with_extension("new");
        let mut entries = fs::read_dir(folder).map_err(ClusterError::file("Could not look at", folder))?;
        let strange = entries.any(|entry| entry.is_ok_and(|entry| entry.path() != unborn));
        let a_link = fs::symlink_metadata(folder).is_ok_and(|facts| facts.is_symlink());
        if a_link || (draft.is_none() && strange) {
            return Err(ClusterError::NotOurs(folder.clone()));
        }
        Ok(draft)
    }

    /// Chooses the port and writes the draft. One at a time on this machine, so that no port is promised twice.
    fn draw_up(&self, plan: &Plan, earlier: Option<u16>) -> Result<Record, ClusterError> {
        let _one_at_a_time = Lock::take(&self.home.0.root)?;
        let others = self.others()?;
        if let Some(owner) = plan.owner.filter(|_| we_are_root())
            && let Some((other, _)) = others.iter().find(|(_, record)| record.owner == Some(owner))
        {
            return Err(ClusterError::OwnerTaken { owner, other: other.clone() });
        }
        let listen = port::addresses(&plan.listen);
        let promised: HashSet<_> = others.iter().map(|(_, record)| record.port).collect();
        let port = match (plan.port, earlier) {
            (Some(port), _) => port,
            (None, Some(port)) if !promised.contains(&port) && port::free(&listen, port).is_ok() => port,
            _ => port::choose(&self.home.0.ports, &listen, &promised)?,
        };
        let owner = plan.owner.filter(|_| we_are_root());
        let installation = plan.installation.clone();
        let record = Record { installation, port, owner, listen, hosts: plan.hosts.clone() };
        record.write(&self.layout.draft())?;
        Ok(record)
    }

    /// The other clusters' names and records, drafts included.
    fn others(&self) -> Result<Vec<(String, Record)>, ClusterError> {
        let root = &self.home.0.root;
        let mut others = Vec::new();
        for entry in fs::read_dir(root).map_err(ClusterError::file("Could not read", root))?.flatten() {
            let layout = Layout { folder: entry.path() };
            if layout.folder == self.layout.folder {
                continue;
            }
            let record = match Record::read(&layout.record()) {
                Ok(None) => Record::read(&layout.draft()),
                known => known,
            };
            // What cannot be read there is that cluster's trouble.
            if let Ok(Some(record)) = record {
                others.push((entry.file_name().to_string_lossy().into_owned(), record));
            }
        }
        Ok(others)
    }

    /// Makes the empty cluster, as a user with a name since `initdb` insists on one, and hands it over.
    async fn initdb(&self, plan: &Plan, owner: Owner) -> Result<(), ClusterError> {
        let maker = Owner::maker()?;
        let verifier = self.layout.folder.join("verifier");
        let (layout, text, file) = (self.layout.clone(), plan.superuser_verifier.clone(), verifier.clone());
        blocking(move || {
            let who = we_are_root().then_some((maker.uid, maker.gid));
            folder::write(&file, &text, 0o600, who)?;
            folder::hand_over(&layout.data(), maker)
        })
        .await?;
        let cell = Cell {
            owner: maker,
            programs: plan.installation.root().to_owned(),
            readable: vec![verifier.clone(), "/etc/passwd".into()],
            writable: vec![self.layout.data()],
            port: None,
        };
        let mut said = String::new();
        // `C.UTF-8` sorts like `C` and knows every letter; a system without it has `C` at least.
        for locale in ["C.UTF-8", "C"] {
            let output = cell.clone().run(initdb_command(&self.layout, plan, locale)).await?;
            said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if output.status.success() {
                let layout = self.layout.clone();
                return blocking(move || {
                    fs::remove_file(&verifier).map_err(ClusterError::file("Could not remove", &verifier))?;
                    folder::hand_over(&layout.data(), owner)
                })
                .await;
            }
            if !said.contains("invalid locale") {
                break;
            }
        }
        Err(ClusterError::Initdb(said))
    }

    /// Starts it for the first time, on another port if someone was quicker.
    async fn first_start(&self, plan: &Plan, record: &mut Record) -> Result<(), ClusterError> {
        for _ in 1..ATTEMPTS {
            match self.launch(record).await {
                Err(ClusterError::PortTaken { .. }) if plan.port.is_none() => {}
                // The server says it in its log only; whether it was the port, the port tells.
                Err(ClusterError::DidNotStart(_))
                    if plan.port.is_none() && port::free(&record.listen, record.port).is_err() => {}
                done => return done,
            }
            let plan = plan.clone();
            *record = self.blocking(move |cluster| cluster.draw_up(&plan, None)).await?;
        }
        self.launch(record).await
    }

    /// The draft becomes the record: from now on the cluster is whole.
    fn finish(&self) -> Result<(), ClusterError> {
        let (draft, record) = (self.layout.draft(), self.layout.record());
        fs::rename(draft, &record)
            .and_then(|()| folder::sync(&self.layout.folder))
            .and_then(|()| folder::sync(&self.home.0.root))
            .map_err(ClusterError::file("Could not finish", &record))
    }
}

impl Plan {
    /// Refuses what cannot be made; says who will run it.
    fn check(&self) -> Result<Owner, ClusterError> {
        let scram = self.superuser_verifier.starts_with("SCRAM-SHA-256$");
        if !scram || self.superuser_verifier.contains(char::is_control) {
            return Err(ClusterError::Verifier);
        }
        check_hosts(&self.hosts)?;
        Owner::of(self.owner)
    }
}

/// Others may pass through a cluster's folder, since its server runs as another; nobody has to when we are not root.
fn passable() -> u32 {
    if we_are_root() { 0o711 } else { 0o700 }
}

fn initdb_command(layout: &Layout, plan: &Plan, locale: &str) -> Command {
    let mut command = Command::new(plan.installation.bin.join("initdb"));
    command
        .arg("--pgdata")
        .arg(layout.data())
        .arg("--pwfile")
        .arg(layout.folder.join("verifier"))
        .args(["--username=postgres", "--auth-host=scram-sha-256", "--auth-local=scram-sha-256"])
        .args(["--data-checksums", "--encoding=UTF8"])
        .arg(format!("--locale={locale}"))
        .current_dir(layout.data())
        .stdin(Stdio::null());
    command
}
