//! What the head does beyond `y = V h + d`, as a type and as the number that a file has: firmware without it links no norm.

use core::fmt::{self, Debug};

use super::form::{Few, Part};

/// A head's form. A file names it by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum HeadForm {
    /// [`PlainHead`]
    Plain = 0,
    /// [`NormHead`]
    Norm = 1,
}

impl HeadForm {
    /// The number by which a file names the form.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The form that a file names by this number.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(HeadForm::Plain),
            1 => Some(HeadForm::Norm),
            _ => None,
        }
    }

    /// The name of the Rust type.
    pub const fn type_name(self) -> &'static str {
        match self {
            HeadForm::Plain => "PlainHead",
            HeadForm::Norm => "NormHead",
        }
    }
}

impl fmt::Display for HeadForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeadForm::Plain => "a plain head",
            HeadForm::Norm => "a head behind layer norm",
        })
    }
}

mod sealed {
    pub trait Sealed {}
}

/// What a head does beyond `y = V h + d`.
pub trait Head: sealed::Sealed + Copy + Debug + PartialEq + Send + Sync + 'static {
    /// What the file must say.
    const FORM: HeadForm;
    /// The norm's parameters, if there is one.
    type Norm<T: Part>: Few<T>;
}

/// `y = V h + d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlainHead {}

/// `y = r*(V h) + d` with `r = 1/sqrt(var h + ε)`: what is left of layer norm before the head (Ba et al., arXiv 1607.06450) when gain,
/// shift and mean have moved into V and d. Two sums over h and one root a forecast; nothing a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NormHead {}

impl sealed::Sealed for PlainHead {}
impl Head for PlainHead {
    const FORM: HeadForm = HeadForm::Plain;
    type Norm<T: Part> = [T; 0];
}

impl sealed::Sealed for NormHead {}
impl Head for NormHead {
    const FORM: HeadForm = HeadForm::Norm;
    type Norm<T: Part> = [T; 1];
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn numbers_are_stable_and_read_back() {
        for (number, form) in [(0, PlainHead::FORM), (1, NormHead::FORM)] {
            assert_eq!((form.number(), HeadForm::from_number(number)), (number, Some(form)));
        }
        assert!((2..=u16::MAX).all(|number| HeadForm::from_number(number).is_none()));
        assert_eq!(NormHead::FORM.type_name(), "NormHead");
        assert_eq!(NormHead::FORM.to_string(), "a head behind layer norm");
    }
}
