//! `#[derive(Inputs)]`: a struct whose fields name the inputs of a detector. See `picket_sdk::Inputs`.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, parse_macro_input};

/// Derives `picket_sdk::Inputs`. Every field carries `#[input("data.path")]`: a dotted path into
/// the event. A field of type `Option<_>` may be absent; without the others the event is not judged.
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
    let mut paths = Vec::new();
    for field in &fields.named {
        let attribute = field.attrs.iter().find(|attribute| attribute.path().is_ident("input"));
        let Some(attribute) = attribute else {
            return Err(Error::new_spanned(
                field,
                "which input is this? Add `#[input(\"data.content\")]` with the path in the event",
            ));
        };
        let path: LitStr = attribute.parse_args()?;
        if path.value().is_empty() {
            return Err(Error::new_spanned(path, "the path of an input is empty"));
        }
        names.push(&field.ident);
        paths.push(path);
    }
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::picket_sdk::Inputs for #ident #type_generics #where_clause {
            fn declare() -> ::std::vec::Vec<::picket_sdk::InputDeclaration> {
                ::std::vec![#(::picket_sdk::InputDeclaration::Field {
                    path: ::std::string::String::from(#paths),
                }),*]
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
