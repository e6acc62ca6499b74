//! Proofs of who may do what to which thing. Without one no transaction opens.

use super::actor::Actor;
use super::decide::{Decision, Refusal, Rule, decide};
use super::roles::may_change_rights;
use super::{Account, Action, ActionId, Organization, Project, Resource, Thing};
use crate::ground::store::{Error, Tx};
use std::future::Future;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::pin::Pin;

mod sealed {
    pub trait Sealed {}
}

/// What [`Proof::recheck`] returns; boxed, since proofs are handed on by reference.
pub type Rechecked<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Says who does what to which thing. There are four kinds: [`Allowed`], [`Own`], [`Bearer`], [`System`].
pub trait Proof: sealed::Sealed + Send + Sync {
    /// What is done.
    fn action(&self) -> ActionId;
    /// The id of the account that does it.
    fn account(&self) -> &str;
    /// To what.
    fn resource(&self) -> Resource;
    /// From where.
    fn address(&self) -> Option<IpAddr>;
    /// The rule that allowed it.
    fn rule(&self) -> Rule;
    /// Asks again inside the transaction: a right withdrawn a moment ago does not write.
    fn recheck<'a>(&'a self, tx: &'a mut Tx) -> Rechecked<'a>;
    /// Whether a commit under this proof can change anybody's rights.
    fn may_change_rights(&self) -> bool {
        may_change_rights(self.action())
    }
    /// Whether Rolecall itself acts.
    fn is_system(&self) -> bool {
        false
    }
}

/// An account that holds the right to do `A`; carries the thing it was checked for.
#[derive(Debug, Clone)]
pub struct Allowed<A: Action> {
    actor: Actor,
    thing: A::On,
    rule: Rule,
    action: PhantomData<A>,
}

impl<A: Action> Allowed<A> {
    pub(super) fn new(actor: Actor, thing: A::On, rule: Rule) -> Self {
        Self { actor, thing, rule, action: PhantomData }
    }

    /// Who.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The thing that was checked.
    #[must_use]
    pub fn thing(&self) -> &A::On {
        &self.thing
    }

    /// A proof of something else about the same kind of thing, if the actor may do that too.
    ///
    /// # Errors
    /// The refusal of the other action.
    pub fn also<B: Action<On = A::On>>(&self) -> Result<Allowed<B>, Refusal>
    where
        A::On: Clone,
    {
        self.actor.allow::<B>(self.thing.clone())
    }
}

impl<A: Action<On = Project>> Allowed<A> {
    /// The project that was checked.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.thing
    }
}

impl<A: Action<On = Organization>> Allowed<A> {
    /// The organization that was checked.
    #[must_use]
    pub fn organization(&self) -> &Organization {
        &self.thing
    }
}

impl<A: Action> sealed::Sealed for Allowed<A> {}
impl<A: Action> Proof for Allowed<A> {
    fn action(&self) -> ActionId {
        A::ID
    }
    fn account(&self) -> &str {
        &self.actor.standing().account.id
    }
    fn resource(&self) -> Resource {
        self.thing.resource()
    }
    fn address(&self) -> Option<IpAddr> {
        Some(self.actor.address())
    }
    fn rule(&self) -> Rule {
        self.rule
    }
    fn recheck<'a>(&'a self, tx: &'a mut Tx) -> Rechecked<'a> {
        Box::pin(async move {
            let standing = super::store::standing_in(tx, self.actor.standing().key, &self.thing).await?;
            let standing = standing.ok_or(Error::Withdrawn(Refusal::Unknown))?;
            super::store::credential_holds(tx, &self.actor).await?;
            match decide(&standing, A::ID, &self.thing) {
                Decision::Granted(_) => Ok(()),
                Decision::Refused(refusal) => Err(Error::Withdrawn(refusal)),
            }
        })
    }
}

/// Somebody acting on their own account.
#[derive(Debug, Clone)]
pub struct Own<A: Action> {
    actor: Actor,
    account: Account,
    action: PhantomData<A>,
}

impl<A: Action> Own<A> {
    pub(super) fn new(actor: Actor) -> Self {
        let account = Account { key: actor.standing().key, id: actor.standing().account.id.clone() };
        Self { actor, account, action: PhantomData }
    }

    /// Who.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl<A: Action> sealed::Sealed for Own<A> {}
impl<A: Action> Proof for Own<A> {
    fn action(&self) -> ActionId {
        A::ID
    }
    fn account(&self) -> &str {
        &self.account.id
    }
    fn resource(&self) -> Resource {
        self.account.resource()
    }
    fn address(&self) -> Option<IpAddr> {
        Some(self.actor.address())
    }
    fn rule(&self) -> Rule {
        Rule::Oneself
    }
    fn recheck<'a>(&'a self, tx: &'a mut Tx) -> Rechecked<'a> {
        Box::pin(async move {
            let standing = super::store::standing_in(tx, self.account.key, &self.account).await?;
            super::store::credential_holds(tx, &self.actor).await?;
            standing.map(drop).ok_or(Error::Withdrawn(Refusal::Unknown))
        })
    }
}

/// Somebody without an account yet: a sign-in form, a set-up link. What they bring is checked by the use case,
/// inside the transaction.
#[derive(Debug, Clone)]
pub struct Bearer<A: Action> {
    claimed: String,
    address: IpAddr,
    action: PhantomData<A>,
}

impl<A: Action> Bearer<A> {
    /// Made by the edge alone, from where the request came.
    #[must_use]
    pub(in crate::ground) fn new(address: IpAddr) -> Self {
        Self { claimed: "public".to_owned(), address, action: PhantomData }
    }

    /// Says which account it turned out to be, for the record.
    #[must_use]
    pub fn known_as(mut self, id: &str) -> Self {
        id.clone_into(&mut self.claimed);
        self
    }

    /// Where the request came from.
    #[must_use]
    pub fn from(&self) -> IpAddr {
        self.address
    }

    /// The same bearer doing something else.
    #[must_use]
    pub fn doing<B: Action>(&self) -> Bearer<B> {
        Bearer { claimed: self.claimed.clone(), address: self.address, action: PhantomData }
    }
}

impl<A: Action> sealed::Sealed for Bearer<A> {}
impl<A: Action> Proof for Bearer<A> {
    fn action(&self) -> ActionId {
        A::ID
    }
    fn account(&self) -> &str {
        &self.claimed
    }
    fn resource(&self) -> Resource {
        Resource::new("account", &self.claimed)
    }
    fn address(&self) -> Option<IpAddr> {
        Some(self.address)
    }
    fn rule(&self) -> Rule {
        Rule::Bearer
    }
    fn recheck<'a>(&'a self, _tx: &'a mut Tx) -> Rechecked<'a> {
        Box::pin(async { Ok(()) })
    }
}

/// Rolecall itself: jobs, and commands on the server's own machine.
#[derive(Debug, Clone)]
pub struct System<A: Action> {
    resource: Resource,
    action: PhantomData<A>,
}

impl<A: Action> System<A> {
    /// For work on `thing`. Visible by its name wherever it is made.
    #[must_use]
    pub fn on(thing: &dyn Thing) -> Self {
        Self { resource: thing.resource(), action: PhantomData }
    }

    /// For work on a thing that is known by its name only.
    #[must_use]
    pub fn named(resource: Resource) -> Self {
        Self { resource, action: PhantomData }
    }
}

impl<A: Action> sealed::Sealed for System<A> {}
impl<A: Action> Proof for System<A> {
    fn action(&self) -> ActionId {
        A::ID
    }
    fn account(&self) -> &'static str {
        "rolecall"
    }
    fn resource(&self) -> Resource {
        self.resource.clone()
    }
    fn address(&self) -> Option<IpAddr> {
        None
    }
    fn rule(&self) -> Rule {
        Rule::Bearer
    }
    fn recheck<'a>(&'a self, _tx: &'a mut Tx) -> Rechecked<'a> {
        Box::pin(async { Ok(()) })
    }
    fn is_system(&self) -> bool {
        true
    }
}
