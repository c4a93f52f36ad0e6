//! `#[derive(Inputs)]`: a struct whose fields name the inputs of a detector. See `picket_sdk::Inputs`.

mod declaration;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result, parse_macro_input};

/// Derives `picket_sdk::Inputs`. Every field carries `#[input("data.path")]`, a dotted path into the event,
/// or what else it is told: `#[input(list = "known_phones")]`,
/// `#[input(count, by = "subject", window_s = 3600, events = ["message.*"])]`,
/// `#[input(sum = "data.amount", by = "subject", window_s = 3600)]`,
/// `#[input(recent = "data.content", by = "subject", last = 5, window_s = 86400)]`. A field of type `Option<_>` may be absent; without the others the event is not judged.
#[proc_macro_derive(Inputs, attributes(input))]
pub fn derive_inputs(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> Result<proc_macro2::TokenStream> {
    let refuse = |message| Err(Error::new_spanned(&input.ident, message));
    let Data::Struct(data) = &input.data else {
        return refuse("`Inputs` is derived for structs");
    };
    let Fields::Named(fields) = &data.fields else {
        return refuse("`Inputs` wants named fields: each names its input");
    };
    let mut names = Vec::new();
    let mut declarations = Vec::new();
    for field in &fields.named {
        let attribute = field.attrs.iter().find(|attribute| attribute.path().is_ident("input"));
        let Some(attribute) = attribute else {
            return Err(Error::new_spanned(
                field,
                "which input is this? Add `#[input(\"data.content\")]` with the path in the event",
            ));
        };
        names.push(&field.ident);
        declarations.push(attribute.parse_args_with(declaration::parse)?);
    }
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::picket_sdk::Inputs for #ident #type_generics #where_clause {
            fn declare() -> ::std::vec::Vec<::picket_sdk::InputDeclaration> {
                ::std::vec![#(#declarations),*]
            }

            fn read(values: ::std::vec::Vec<::picket_sdk::Value>) -> ::std::option::Option<Self> {
                let mut values = values.into_iter().zip(0u32..);
                #(
                    let (value, input) = values.next()?;
                    let #names = ::picket_sdk::FromValue::from_value(value, input)?;
                )*
                ::std::option::Option::Some(Self { #(#names),* })
            }
        }
    })
}
