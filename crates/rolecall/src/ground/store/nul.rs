//! Which values hold a NUL character. Texts may; the compiler picks [`Text`] for them and [`AnyValue`] for all others,
//! because it looks at fewer references first.

/// A value about to be bound.
pub struct Value<'v, T: ?Sized>(pub &'v T);

/// Values that are texts.
pub trait Text {
    /// Whether it holds a NUL.
    fn holds_nul(&self) -> bool;
}

/// All others.
pub trait AnyValue {
    /// It does not.
    fn holds_nul(&self) -> bool {
        false
    }
}

impl<T: ?Sized> AnyValue for &Value<'_, T> {}

macro_rules! texts {
    ($($type:ty: |$value:ident| $text:expr;)*) => {$(
        impl Text for Value<'_, $type> {
            fn holds_nul(&self) -> bool {
                let $value = self.0;
                let text: Option<&str> = $text;
                text.is_some_and(|text| text.contains('\0'))
            }
        }
    )*};
}
texts! {
    &str: |value| Some(value);
    String: |value| Some(value);
    &String: |value| Some(value);
    Option<&str>: |value| *value;
    Option<String>: |value| value.as_deref();
}
