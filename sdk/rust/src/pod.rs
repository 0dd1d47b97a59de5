//! Plain old data: types that are their bytes.

use std::borrow::Cow;
use std::mem::{align_of, size_of, MaybeUninit};

/// A type that any bytes of its size are a value of, and whose values have no padding: integers, floats, arrays of such, and
/// the structs that `ecc gen skeleton --lang rust` writes.
///
/// # Safety
///
/// [`pod!`](crate::pod) declares such types without `unsafe`. Every bit pattern must be valid (so no `bool`, `char`, enum or reference), the layout must be fixed (`repr(C)`,
/// `repr(transparent)`), and no byte of a value may be padding.
pub unsafe trait Pod: Copy + 'static {
    /// The value whose bytes are all 0.
    fn zeroed() -> Self
    where
        Self: Sized,
    {
        // SAFETY: every bit pattern is valid.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// The value in the heap whose bytes are all 0; a large one never lies on the stack.
    fn zeroed_box() -> Box<Self>
    where
        Self: Sized,
    {
        if size_of::<Self>() == 0 {
            return Box::new(Self::zeroed());
        }
        let layout = std::alloc::Layout::new::<Self>();
        // SAFETY: the layout has a size; every bit pattern is valid; Box frees with the same layout.
        unsafe {
            let at = std::alloc::alloc_zeroed(layout).cast::<Self>();
            if at.is_null() {
                std::alloc::handle_alloc_error(layout);
            }
            Box::from_raw(at)
        }
    }

    /// The value at the start of `bytes`; `None` where there are too few. What comes behind it is not looked at: perf buffers
    /// pad their records, and a flexible array has its elements there.
    fn read(bytes: &[u8]) -> Option<Self>
    where
        Self: Sized,
    {
        if bytes.len() < size_of::<Self>() {
            return None;
        }
        // SAFETY: there are enough bytes, read without asking for alignment, and every bit pattern is valid.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }

    /// The value at the start of `bytes` where it lies; `None` where there are too few, or they are not aligned for it.
    fn view(bytes: &[u8]) -> Option<&Self>
    where
        Self: Sized,
    {
        if bytes.len() < size_of::<Self>() || bytes.as_ptr() as usize % align_of::<Self>() != 0 {
            return None;
        }
        // SAFETY: size and alignment were checked, every bit pattern is valid.
        Some(unsafe { &*bytes.as_ptr().cast::<Self>() })
    }

    /// The bytes of a value.
    fn as_bytes(&self) -> &[u8]
    where
        Self: Sized,
    {
        // SAFETY: no byte is padding.
        unsafe { std::slice::from_raw_parts((self as *const Self).cast(), size_of::<Self>()) }
    }

    /// The bytes of a value, to be changed.
    fn as_bytes_mut(&mut self) -> &mut [u8]
    where
        Self: Sized,
    {
        // SAFETY: no byte is padding, and every bit pattern is valid.
        unsafe { std::slice::from_raw_parts_mut((self as *mut Self).cast(), size_of::<Self>()) }
    }

    /// A member of a union, as a value: what generated code calls.
    #[doc(hidden)]
    fn get_at<T: Pod>(&self, offset: usize) -> T
    where
        Self: Sized,
    {
        T::read(&self.as_bytes()[offset..]).expect("a member within its type")
    }

    #[doc(hidden)]
    fn put_at<T: Pod>(&mut self, offset: usize, value: T)
    where
        Self: Sized,
    {
        self.as_bytes_mut()[offset..offset + size_of::<T>()].copy_from_slice(value.as_bytes());
    }

    /// A bit field: `width` bits from `shift` in the `size` bytes at `offset`.
    #[doc(hidden)]
    fn bits_at(&self, offset: usize, size: usize, shift: u32, width: u32) -> u64
    where
        Self: Sized,
    {
        let mut word = [0u8; 16];
        word[..size].copy_from_slice(&self.as_bytes()[offset..offset + size]);
        (u128::from_le_bytes(word) >> shift) as u64 & mask(width)
    }

    #[doc(hidden)]
    fn bits_signed_at(&self, offset: usize, size: usize, shift: u32, width: u32) -> i64
    where
        Self: Sized,
    {
        let left = 64 - width;
        (self.bits_at(offset, size, shift, width) << left) as i64 >> left
    }

    #[doc(hidden)]
    fn put_bits_at(&mut self, offset: usize, size: usize, shift: u32, width: u32, value: u64)
    where
        Self: Sized,
    {
        let bytes = &mut self.as_bytes_mut()[offset..offset + size];
        let mut word = [0u8; 16];
        word[..size].copy_from_slice(bytes);
        let kept = u128::from_le_bytes(word) & !(u128::from(mask(width)) << shift);
        let put = kept | u128::from(value & mask(width)) << shift;
        bytes.copy_from_slice(&put.to_le_bytes()[..size]);
    }
}

fn mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}

macro_rules! plain {
    ($($kind:ty)*) => { $(unsafe impl Pod for $kind {})* };
}
plain! { u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64 }
unsafe impl Pod for () {}
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}

/// Declare structs that are [`Pod`], and check that they are: every member is one, and there is no padding.
///
/// ```
/// eunomia::pod! {
///     /// Who it was.
///     #[derive(PartialEq, Eq, Hash)]
///     pub struct Key {
///         pub pid: u32,
///         pub comm: [u8; 16],
///     }
/// }
/// assert_eq!(std::mem::size_of::<Key>(), 20);
/// assert_eq!(Key::default().pid, 0);
/// ```
///
/// Padding and types that have forbidden values do not compile:
///
/// ```compile_fail
/// eunomia::pod! { struct Padded { a: u8, b: u32 } }
/// ```
/// ```compile_fail
/// eunomia::pod! { struct Invalid { a: bool } }
/// ```
#[macro_export]
macro_rules! pod {
    ($($(#[$note:meta])* $seen:vis struct $name:ident {
        $($(#[$about:meta])* $shown:vis $field:ident: $kind:ty),* $(,)?
    })*) => {$(
        $(#[$note])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        $seen struct $name {
            $($(#[$about])* $shown $field: $kind),*
        }
        const _: () = {
            const fn is_pod<T: $crate::Pod>() {}
            $(is_pod::<$kind>();)*
            assert!(
                ::core::mem::size_of::<$name>() == 0 $(+ ::core::mem::size_of::<$kind>())*,
                concat!("struct ", stringify!($name), " has padding: make it a member, as [u8; N]"),
            );
        };
        // SAFETY: the layout is C's; that the members are Pod, and all of it, was checked above.
        unsafe impl $crate::Pod for $name {}
        impl ::core::default::Default for $name {
            fn default() -> Self {
                $crate::Pod::zeroed()
            }
        }
    )*};
}

/// The text in a `char` array: up to its first NUL, with what is no UTF-8 replaced.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Pair {
        left: u32,
        right: [u8; 4],
    }
    unsafe impl Pod for Pair {}

    #[test]
    fn values_are_read_from_unaligned_and_longer_bytes() {
        let bytes = [0, 1, 0, 0, 0, b'a', b'b', 0, b'c', 9];

        assert_eq!(Pair::read(&bytes[1..]), Some(Pair { left: 1, right: *b"ab\0c" }));
        assert_eq!(Pair::read(&bytes[3..]), None);
        assert_eq!(text(&Pair::read(&bytes[1..]).unwrap().right), "ab");
    }

    #[test]
    fn a_view_is_where_the_bytes_are() {
        let pair = Pair { left: 7, right: [1, 2, 3, 4] };
        let seen = Pair::view(pair.as_bytes()).unwrap();

        assert!(std::ptr::eq(seen, &pair));
        assert!(Pair::view(&pair.as_bytes()[..7]).is_none());
    }

    #[test]
    fn bit_fields_of_all_places_are_read_and_written() {
        let mut bytes = [0xffu8; 16];
        for (at, width) in [(0usize, 1u32), (3, 5), (7, 2), (13, 24), (1, 64), (65, 33)] {
            let (first, shift) = (at / 8, (at % 8) as u32);
            let size = (shift as usize + width as usize + 7) / 8;
            let value = 0x5555_5555_5555_5555u64 & (u64::MAX >> (64 - width));
            bytes.put_bits_at(first, size, shift, width, value);

            assert_eq!(bytes.bits_at(first, size, shift, width), value);
        }
        assert_eq!([0b0000_0110u8].bits_signed_at(0, 1, 1, 2), -1);
        assert_eq!([0b0000_0110u8].bits_at(0, 1, 1, 3), 3);
    }
}
