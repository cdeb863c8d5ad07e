//! `docs/roles.md`, made of the table that [`apply`](crate::apply) uses.

use std::fmt::Write as _;

use mesh_model::role::Authority;
use mesh_model::{Action, Role};

/// The page. A test compares it with the file; `DATAMESH_WRITE_DOCS=1` with that test writes the file.
pub fn roles_markdown() -> String {
    let mut page = String::from(
        "# Roles\n\n\
         Made from the table that every voter applies (`mesh-model`, `role.rs`); do not edit it here.\n\n\
         A role is given to a key, by the domain's root keys, in one domain. The council may give the roles that are\n\
         marked as mesh-wide for all domains at once. `mesh can ACTION ID` asks the same table.\n\n\
         | role | for | mesh-wide |\n|---|---|---|\n",
    );
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(page, "{text}").expect("strings take everything");
    for role in Role::ALL {
        let mesh_wide = if role.may_be_mesh_wide() { "yes" } else { "" };
        line(format_args!("| {role} | {} | {mesh_wide} |", role.purpose()));
    }
    line(format_args!("\n## Who may do what\n"));
    let roles: Vec<String> = Role::ALL.iter().map(ToString::to_string).collect();
    line(format_args!("| action | {} | root keys | council |", roles.join(" | ")));
    line(format_args!("|---|{}---|---|", "---|".repeat(Role::ALL.len())));
    for action in Action::ALL {
        let mark = |yes: bool| if yes { "yes" } else { "" };
        let roles: Vec<&str> = Role::ALL.iter().map(|role| mark(role.allows(action))).collect();
        let root = mark(action.authority() == Authority::Root);
        let council = mark(action.is_for_council());
        line(format_args!("| {action} | {} | {root} | {council} |", roles.join(" | ")));
    }
    line(format_args!(
        "\nMesh-wide roles are granted and revoked by the council. A role counts for a command when the domain's node had\n\
         applied its grant, and not yet its revocation, as it took the command."
    ));
    page
}
