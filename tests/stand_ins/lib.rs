//! Stand-ins for servers that cannot be installed here. Each is as strict as the real one: where the
//! protocol documents say no, it says no.
