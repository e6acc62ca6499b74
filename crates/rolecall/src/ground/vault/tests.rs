use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::clock::Clock;
use super::*;

const KEY_A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const KEY_B: &str = "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA";

fn dice() -> Dice {
    Dice::seeded(1, Clock::system())
}

fn vault(keys: &str) -> Vault {
    Vault::new(KeyRing::parse(&Secret::new(keys), "a test").unwrap(), dice()).unwrap()
}

fn place() -> Place {
    Place::new("service_user", "password", 7)
}

#[test]
fn a_sealed_secret_opens_in_its_place() {
    let vault = vault(KEY_A);
    for text in ["", "hunter2", "pässwörd\n", &"x".repeat(5000)] {
        let blob = vault.seal(&place(), &Secret::new(text)).unwrap();
        assert_eq!(vault.open(&place(), &blob).unwrap().expose(), text);
        assert_eq!(blob.len(), 1 + 8 + 24 + text.len() + 16);
    }
}

#[test]
fn sealing_the_same_secret_twice_gives_two_different_blobs() {
    let vault = vault(KEY_A);
    let secret = Secret::new("hunter2");
    assert_ne!(vault.seal(&place(), &secret).unwrap(), vault.seal(&place(), &secret).unwrap());
}

#[test]
fn a_sealed_secret_does_not_open_in_another_place() {
    let vault = vault(KEY_A);
    let blob = vault.seal(&place(), &Secret::new("hunter2")).unwrap();
    for other in [
        Place::new("service_user", "password", 8),
        Place::new("service_user", "api_key", 7),
        Place::new("credential", "password", 7),
        Place::new("service_user", "passwor", "d7"),
    ] {
        assert!(matches!(vault.open(&other, &blob), Err(VaultError::Damaged { .. })), "{other}");
    }
}

#[test]
fn no_byte_of_a_sealed_secret_can_be_changed_and_none_can_be_missing() {
    let vault = vault(KEY_A);
    let blob = vault.seal(&place(), &Secret::new("hunter2")).unwrap();
    for index in 0..blob.len() {
        let mut flipped = blob.clone();
        flipped[index] ^= 1;
        let error = vault.open(&place(), &flipped).unwrap_err();
        match index {
            0 => assert!(matches!(error, VaultError::UnknownFormat { format: 0, .. })),
            1..=8 => assert!(matches!(error, VaultError::UnknownKey { .. })),
            _ => assert!(matches!(error, VaultError::Damaged { .. }), "byte {index}: {error}"),
        }
        assert!(vault.open(&place(), &blob[..index]).is_err(), "cut to {index} bytes");
    }
}

#[test]
fn a_blob_of_a_key_that_is_not_in_the_ring_names_that_key() {
    let blob = vault(KEY_A).seal(&place(), &Secret::new("hunter2")).unwrap();
    let error = vault(KEY_B).open(&place(), &blob).unwrap_err().to_string();
    let id = KeyRing::parse(&Secret::new(KEY_A), "a test").unwrap().ids()[0];
    assert!(error.starts_with(&format!("service_user.password of 7 was sealed with key {id}")), "{error}");
}

#[test]
fn after_a_rotation_old_blobs_open_and_want_resealing_and_new_ones_do_not() {
    let old = vault(KEY_A);
    let rotated = vault(&format!("{KEY_B}, {KEY_A}"));
    let blob = old.seal(&place(), &Secret::new("hunter2")).unwrap();
    assert!(!old.needs_resealing(&blob) && rotated.needs_resealing(&blob) && rotated.needs_resealing(b""));
    let resealed = rotated.seal(&place(), &rotated.open(&place(), &blob).unwrap()).unwrap();
    assert!(!rotated.needs_resealing(&resealed));
    assert_eq!(vault(KEY_B).open(&place(), &resealed).unwrap().expose(), "hunter2");
    assert_eq!(rotated.macs("api_key", b"k"), [rotated.mac("api_key", b"k"), old.mac("api_key", b"k")]);
}

#[test]
fn digests_differ_by_key_context_and_bytes() {
    let (a, b) = (vault(KEY_A), vault(KEY_B));
    let digest = a.mac("api_key", b"secret");
    assert_eq!(digest, vault(KEY_A).mac("api_key", b"secret"));
    assert_ne!(digest, b.mac("api_key", b"secret"));
    assert_ne!(digest, a.mac("other", b"secret"));
    assert_ne!(a.mac("ab", b"c"), a.mac("a", b"bc"));
}

#[test]
fn a_checkpoint_signature_holds_for_its_text_and_key_only() {
    let rotated = vault(&format!("{KEY_B},{KEY_A}"));
    let old = vault(KEY_A);
    let signature = old.signer().sign(b"checkpoint");
    assert_eq!(old.signer().public_key().verify(b"checkpoint", &signature), Ok(()));
    assert_eq!(old.signer().public_key().verify(b"checkpoinT", &signature), Err(VerifyError));
    assert_eq!(rotated.signer().public_key().verify(b"checkpoint", &signature), Err(VerifyError));
    assert_eq!(rotated.signer_keys(), [rotated.signer().public_key(), old.signer().public_key()]);
}

#[test]
fn keys_are_read_in_either_base64_with_remarks_and_line_ends() {
    let ids = |text: &str| KeyRing::parse(&Secret::new(text), "a test").unwrap().ids();
    assert_eq!(
        ids(&format!("# a remark, with a comma\n\n  {KEY_A} \r\n{KEY_B}\n")),
        ids(&format!("{KEY_A},{KEY_B},"))
    );
    assert_eq!(ids(KEY_A), ids(KEY_A.trim_end_matches('=')));
}

#[test]
fn malformed_keys_are_refused_by_position_and_source_and_never_shown() {
    let refused =
        |text: &str| KeyRing::parse(&Secret::new(text), "ROLECALL_SEALING_KEY").unwrap_err().to_string();
    for bad in ["c2hvcnQ=", "not base64!", &"A".repeat(44)] {
        let error = refused(&format!("{KEY_A},{bad}"));
        assert!(error.starts_with("key 2 in ROLECALL_SEALING_KEY is not 32 bytes"), "{error}");
        assert!(!error.contains(bad) && !error.contains(KEY_A), "{error}");
    }
    assert!(
        refused(&format!("{KEY_A},{KEY_A}")).contains("key 2 in ROLECALL_SEALING_KEY stands there twice")
    );
    assert!(refused(" ,\n# nothing").starts_with("there is no key in ROLECALL_SEALING_KEY"));
}

#[test]
fn the_first_start_makes_a_key_file_for_the_owner_only_and_the_second_reads_it() {
    let data = tempfile::tempdir().unwrap();
    let first = Vault::of_installation(data.path(), None, FirstKey::Make, dice()).unwrap();
    let file = data.path().join(KEY_FILE);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let blob = first.seal(&place(), &Secret::new("hunter2")).unwrap();
    for first_key in [FirstKey::Make, FirstKey::MustExist] {
        let again = Vault::of_installation(data.path(), None, first_key, dice()).unwrap();
        assert_eq!(again.open(&place(), &blob).unwrap().expose(), "hunter2");
    }
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let data = tempfile::tempdir().unwrap();
    Vault::of_installation(data.path(), None, FirstKey::Make, dice()).unwrap();
    let file = data.path().join(KEY_FILE);
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let error = Vault::of_installation(data.path(), None, FirstKey::Make, dice()).unwrap_err();
        assert!(error.to_string().contains(&format!("chmod 600 {}", file.display())), "{error}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(Vault::of_installation(data.path(), None, FirstKey::Make, dice()).is_ok());
}

#[test]
fn a_lost_key_file_is_not_replaced_when_the_store_holds_data() {
    let data = tempfile::tempdir().unwrap();
    let error = Vault::of_installation(data.path(), None, FirstKey::MustExist, dice()).unwrap_err();
    assert!(matches!(error, VaultError::Missing { .. }), "{error}");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn the_key_of_the_environment_takes_the_place_of_the_file() {
    let data = tempfile::tempdir().unwrap();
    let key = Secret::new(KEY_A);
    let from_environment =
        Vault::of_installation(data.path(), Some(&key), FirstKey::MustExist, dice()).unwrap();
    let blob = from_environment.seal(&place(), &Secret::new("hunter2")).unwrap();
    assert_eq!(vault(KEY_A).open(&place(), &blob).unwrap().expose(), "hunter2");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn servers_that_start_at_once_agree_on_one_key() {
    let data = tempfile::tempdir().unwrap();
    let dice = Dice::system(Clock::system());
    let keys: std::collections::HashSet<_> = std::thread::scope(|scope| {
        let start = || Vault::of_installation(data.path(), None, FirstKey::Make, dice.clone()).unwrap();
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap().signer().public_key()).collect()
    });
    assert_eq!(keys.len(), 1);
}

#[test]
fn nothing_of_a_vault_shows_its_keys() {
    let vault = vault(KEY_A);
    let shown = format!("{vault:?} {:?} {:?}", vault.signer(), place());
    let key: Vec<u8> = (0..32).collect();
    for secret in [KEY_A.to_owned(), format!("{key:?}"), "0001020304".to_owned()] {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
