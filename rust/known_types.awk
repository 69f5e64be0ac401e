# SPDX-License-Identifier: GPL-2.0
# Prints the names of all types that a bindgen output defines in full, one a line. A forward declaration is
# a struct whose only field is `_unused: [u8; 0]`.

/^pub type [A-Za-z_0-9]+ =/ { print $3 }
/^pub (struct|union) [A-Za-z_0-9]+/ {
	name = $3
	sub(/[^A-Za-z_0-9].*/, "", name)
	opaque = 0
	if ($0 ~ /;$/ || $0 ~ /}$/) {
		if (name !~ /^__Bindgen|^__IncompleteArrayField/) print name
		name = ""
	}
	next
}
name != "" && /_unused: \[u8; 0\]/ { opaque = 1 }
name != "" && /^}/ {
	if (!opaque && name !~ /^__Bindgen|^__IncompleteArrayField/) print name
	name = ""
}
