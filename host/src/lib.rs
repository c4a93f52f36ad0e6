//! Picket: a detection engine for marketplaces. The program and its tests are built on this library.
//!
//! The flow, on one screen (`ARCHITECTURE.md` tells the whole story):
//!
//! ```text
//!  api/events ──> ingest ──> registry.current()      one Arc<Snapshot> for the whole event
//!                   │        features.read           what they declared about the past, once
//!                   │        engine.evaluate         every subscribed detector, in the sandbox
//!                   │        policy.judge            findings -> verdict, pure
//!                   │        store.commit            durable, many events to a flush
//!                   └──> the decision            what it asks for ──> deliver ──> the platform
//!
//!  folder, bundle, API ──> registry ──> runtime.load ──> store ──> the next Snapshot
//! ```
//!
//! Layers, lowest first; a module uses only those below (a test reads the `use` lines):
//! `model config` < `audit policy runtime signing store telemetry` < `registry auth features` < `engine` < `ingest replay simulate keeper deliver` < `app api cli`.

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod engine;
pub mod features;
pub mod ingest;
pub mod keeper;
pub mod model;
pub mod policy;
pub mod registry;
pub mod replay;
pub mod reverse;
pub mod runtime;
pub mod signing;
pub mod simulate;
pub mod store;
pub mod telemetry;
