//! The text with which functions begin and end that sum columns.

/// Saves the registers, those of the frame's first words among them.
macro_rules! enter {
    () => {
        "push {{r1-r11, lr}}\n"
    };
}

/// Restores the registers and returns.
macro_rules! leave {
    () => {
        "add sp, #12\npop {{r4-r11, pc}}\n"
    };
}
