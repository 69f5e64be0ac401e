// SPDX-License-Identifier: GPL-2.0

//! Whatever is written, reading it does not panic, and what is read is printed as it was meant.

use crate::model::{
    bdf::Bdf,
    name::Name,
    policy::{BlockMs, FaultPolicy},
    spec::{Command, Reconfigure, Spec, Target},
    text::Switch,
};
use proptest::prelude::*;

fn bdf() -> impl Strategy<Value = Bdf> {
    (any::<u32>(), any::<u8>(), 0..=31u8, 0..=7u8).prop_map(|(domain, bus, device, function)| {
        Bdf::new(domain, bus, device, function).expect("in range")
    })
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (bdf(), any::<u16>()).prop_map(|(pf, index)| Target::Vf { pf, index }),
        bdf().prop_map(Target::Function),
    ]
}

/// Texts that come close to what is meant, and others.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("pf:"),
        Just("vf:"),
        Just("function:"),
        Just("front:"),
        Just("pci"),
        Just("platform"),
        Just("0000:01:00.0"),
        Just("0000:01:20.0"),
        Just("0"),
        Just("65536"),
        Just("web0"),
        Just(" "),
        Just(" "),
        Just("pause"),
        Just("soft"),
    ];
    let near = prop::collection::vec(word, 0..10).prop_map(|words| words.concat());
    prop_oneof![near, ".{0,80}", "[0-9a-fx:. -]{0,20}"]
}

proptest! {
    #[test]
    fn an_address_is_printed_as_it_is_read(bdf in bdf()) {
        prop_assert_eq!(Bdf::parse(&bdf.to_string()), Ok(bdf));
    }

    #[test]
    fn a_target_is_printed_as_it_is_read(target in target(), name in "[A-Za-z0-9_-][A-Za-z0-9._-]{0,31}") {
        prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
        prop_assume!(Name::new(&name).is_some());
        let text = format!("{name} {target} front:platform");
        let spec = Spec::parse(&text).expect("well-formed");
        prop_assert_eq!(spec.target, target);
        prop_assert_eq!(spec.name.as_str(), name.as_str());
    }

    #[test]
    fn any_text_is_read_or_refused(text in texts()) {
        let _command = Command::parse(&text);
        let _reconfigure = Reconfigure::parse(&text);
        if let Ok(bdf) = Bdf::parse(&text) {
            prop_assert_eq!(Bdf::parse(&bdf.to_string()), Ok(bdf));
        }
        if let Ok(target) = Target::parse(&text) {
            prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
        }
        if let Ok(policy) = FaultPolicy::parse(&text) {
            prop_assert_eq!(policy.to_string(), text.as_str());
        }
        if let Ok(block) = BlockMs::parse(&text) {
            prop_assert!(block.ms() <= BlockMs::MAX_MS);
            prop_assert_eq!(BlockMs::parse(&block.to_string()), Ok(block));
        }
        if let Ok(switch) = Switch::parse(&text) {
            prop_assert_eq!(Switch::parse(&switch.to_string()), Ok(switch));
        }
        if let Ok(spec) = Spec::parse(&text) {
            let name = spec.name.as_str();
            prop_assert!(!name.is_empty() && name.len() <= Name::MAX_LEN_BYTES);
            prop_assert!(!name.contains(['/', '\0', ' ', '\n']) && !name.starts_with('.'));
        }
    }
}
