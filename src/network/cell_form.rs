//! The cell's form as a number: what a file says of a layer, and what the types of [`super::form`] say of themselves.

use core::fmt;

/// Which states zoneout blends with their previous values at test time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum ZoneoutForm {
    /// None.
    None = 0,
    /// The cell state.
    Cell = 1,
    /// The cell state and the hidden state.
    Both = 2,
}

/// Where layer norm stands in the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum NormForm {
    /// Nowhere.
    None = 0,
    /// On `W x + b`, on `U h`, and on the c that the output reads; c is stored raw (Ba et al., arXiv 1607.06450).
    A = 1,
    /// As A, but the normalized c is what is stored.
    B = 2,
    /// On `W x + U h + b`.
    Joint = 3,
}

/// A cell's form. A file names it by the number `zoneout + 4*kept + 8*norm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CellForm {
    /// Zoneout's blends.
    pub zoneout: ZoneoutForm,
    /// Keep factors of classical dropout on the candidate and on the cell.
    pub kept: bool,
    /// Layer norm.
    pub norm: NormForm,
}

impl CellForm {
    /// [`super::Plain`]
    pub const PLAIN: Self = CellForm { zoneout: ZoneoutForm::None, kept: false, norm: NormForm::None };
    /// [`super::ZoneoutCell`]
    pub const ZONEOUT_CELL: Self = CellForm { zoneout: ZoneoutForm::Cell, ..Self::PLAIN };
    /// [`super::Zoneout`]
    pub const ZONEOUT: Self = CellForm { zoneout: ZoneoutForm::Both, ..Self::PLAIN };

    /// The number by which a file names the form.
    pub const fn number(self) -> u16 {
        self.zoneout as u16 + 4 * self.kept as u16 + 8 * self.norm as u16
    }

    /// The form that a file names by this number.
    pub const fn from_number(number: u16) -> Option<Self> {
        let zoneout = match number % 4 {
            0 => ZoneoutForm::None,
            1 => ZoneoutForm::Cell,
            2 => ZoneoutForm::Both,
            _ => return None,
        };
        let norm = match number / 8 {
            0 => NormForm::None,
            1 => NormForm::A,
            2 => NormForm::B,
            3 => NormForm::Joint,
            _ => return None,
        };
        Some(CellForm { zoneout, kept: number / 4 % 2 == 1, norm })
    }

    /// The name of the Rust type, such as `JointNorm<Kept<ZoneoutCell>>`.
    pub fn type_name(self) -> impl fmt::Display {
        TypeName(self)
    }

    /// Rows of four pre-activations a unit that wait for layer norm's statistics during a step.
    pub const fn scratch_rows(self) -> usize {
        match self.norm {
            NormForm::None => 0,
            NormForm::Joint => 1,
            NormForm::A | NormForm::B => 2,
        }
    }

    /// `W x` and `U h` are normalized apart, and c too.
    pub const fn separate(self) -> bool {
        matches!(self.norm, NormForm::A | NormForm::B)
    }
}

impl fmt::Display for CellForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            match self.norm {
                NormForm::None => "",
                NormForm::A => "layer norm in form A",
                NormForm::B => "layer norm in form B",
                NormForm::Joint => "joint layer norm",
            },
            if self.kept { "keep factors" } else { "" },
            match self.zoneout {
                ZoneoutForm::None => "",
                ZoneoutForm::Cell => "zoneout on c",
                ZoneoutForm::Both => "zoneout on c and h",
            },
        ];
        let mut between = "a cell with ";
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{between}{part}")?;
            between = ", ";
        }
        if *self == Self::PLAIN { f.write_str("a plain cell") } else { Ok(()) }
    }
}

struct TypeName(CellForm);

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (norm, norm_end) = match self.0.norm {
            NormForm::None => ("", ""),
            NormForm::A => ("NormA<", ">"),
            NormForm::B => ("NormB<", ">"),
            NormForm::Joint => ("JointNorm<", ">"),
        };
        let (kept, kept_end) = if self.0.kept { ("Kept<", ">") } else { ("", "") };
        let zoneout = match self.0.zoneout {
            ZoneoutForm::None => "Plain",
            ZoneoutForm::Cell => "ZoneoutCell",
            ZoneoutForm::Both => "Zoneout",
        };
        write!(f, "{norm}{kept}{zoneout}{kept_end}{norm_end}")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::network::{Form, JointNorm, Kept, NormA, NormB, Plain, Zoneout, ZoneoutCell};
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn numbers_are_stable_and_read_back() {
        let forms: Vec<CellForm> = (0..=u16::MAX).filter_map(CellForm::from_number).collect();
        assert_eq!(forms.len(), 24);
        for form in &forms {
            assert_eq!(CellForm::from_number(form.number()), Some(*form));
        }
        assert_eq!([CellForm::PLAIN, CellForm::ZONEOUT_CELL, CellForm::ZONEOUT].map(CellForm::number), [0, 1, 2]);
        for (form, number) in [
            (<Kept<ZoneoutCell>>::FORM, 5),
            (<NormA<Plain>>::FORM, 8),
            (<NormB<Kept<Plain>>>::FORM, 20),
            (<JointNorm<Kept<Zoneout>>>::FORM, 30),
        ] {
            assert_eq!(form.number(), number, "{form}");
        }
    }

    #[test]
    fn names_are_types_and_words() {
        assert_eq!(Plain::FORM.type_name().to_string(), "Plain");
        assert_eq!(<JointNorm<Kept<ZoneoutCell>>>::FORM.type_name().to_string(), "JointNorm<Kept<ZoneoutCell>>");
        assert_eq!(Plain::FORM.to_string(), "a plain cell");
        assert_eq!(
            <NormB<Kept<Zoneout>>>::FORM.to_string(),
            "a cell with layer norm in form B, keep factors, zoneout on c and h"
        );
    }
}
