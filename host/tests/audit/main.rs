//! The audit log from outside: another implementation agrees with it, and whoever changes anything in
//! it is found out.

mod agreement;
mod archive;
mod command;
mod tampering;
