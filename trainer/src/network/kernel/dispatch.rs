//! From a number type to its kernels on every instruction set. Each is compiled here once, and not again in every crate that trains.

use super::width::Width;
use crate::network::gather::{Gather, GatherBiases};
use crate::network::masks::Draw;
use crate::network::norm_head::{HeadNormBackward, HeadNormForward};
use crate::network::norm_step::{NormBackward, NormForward};
use crate::network::step::{Backward, BackwardInputs, Forward};

macro_rules! dispatch {
    ($($(#[$doc:meta])* $name:ident: $kernel:ident<$($lifetime:lifetime),+>;)+) => {
        /// The kernels of a number type.
        pub trait Dispatch: Sized {
            $($(#[$doc])* fn $name(width: Width, kernel: $kernel<$($lifetime,)+ Self>);)+
        }

        impl Dispatch for f32 {
            $(fn $name(width: Width, kernel: $kernel<$($lifetime,)+ f32>) {
                width.run(kernel);
            })+
        }

        impl Dispatch for f64 {
            $(fn $name(width: Width, kernel: $kernel<$($lifetime,)+ f64>) {
                width.run_arrays(kernel);
            })+
        }
    };
}

dispatch! {
    /// A mask's bits.
    draw: Draw<'_>;
    /// A step forward.
    forward: Forward<'_, '_>;
    /// A step backward.
    backward: Backward<'_, '_>;
    /// A step with layer norm forward.
    norm_forward: NormForward<'_, '_, '_>;
    /// A step with layer norm backward.
    norm_backward: NormBackward<'_, '_, '_, '_>;
    /// The norm before the head forward.
    head_norm_forward: HeadNormForward<'_, '_>;
    /// The norm before the head backward.
    head_norm_backward: HeadNormBackward<'_, '_, '_>;
    /// The gradients of a step's inputs.
    backward_inputs: BackwardInputs<'_, '_>;
    /// Weight gradients.
    gather: Gather<'_, '_>;
    /// Bias gradients.
    gather_biases: GatherBiases<'_>;
}
