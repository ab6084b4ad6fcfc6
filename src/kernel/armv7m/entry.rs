//! The text with which functions begin and end that sum columns.

/// Saves the registers, `r1`: where, and finds the entry of units, `r2`: its number in the table.
macro_rules! enter {
    () => {
        concat!("stm r1, {{r4-r11, lr}}\n", "adr r3, 26f\n", "ldr r3, [r3, r2, lsl #2]\n", "str r3, [sp, #4]\n",)
    };
}

/// Restores the registers and returns.
macro_rules! leave {
    () => {
        concat!("ldr r1, [sp, #48]\n", "ldm r1, {{r4-r11, pc}}\n")
    };
}
