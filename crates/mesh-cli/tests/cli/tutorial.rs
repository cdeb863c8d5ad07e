//! `docs/tutorial.md`, line by line, as a new user types it.

use crate::support::until;
use crate::support::walk::Walk;

#[test]
fn from_nothing_to_a_consumer_as_the_page_says() {
    let mut walk = Walk::of("docs/tutorial.md");
    walk.step("new");
    let (checked, _) = walk.step("check");
    assert!(checked.contains("passed   id_present") && !checked.contains("failed"), "{checked}");
    let (edited, _) = walk.step("edit");
    assert!(edited.contains("passed   id_well_formed"), "{edited}");
    let (plan, _) = walk.step("plan");
    assert!(plan.contains("create") && plan.contains("sales/visits"), "{plan}");
    walk.step("apply");
    let (measured, said) = walk.step("measure");
    assert!(measured.contains("3 rows") && said.contains("stated; "), "{measured}{said}");
    walk.step("bo");
    let (found, _) = walk.step("search");
    assert!(found.contains("sales/visits"), "{found}");
    let (shown, _) = walk.step("show");
    assert!(shown.contains("one row per visit") && shown.contains("healthy  id_well_formed"), "{shown}");
    walk.step("ask");
    let (waiting, _) = walk.step("waiting");
    assert!(waiting.contains("sales/visits (major 1)") && waiting.contains("waiting"), "{waiting}");
    let id = walk.mesh.ok("mesh access list --waiting-for-me -o name");
    let grant = walk.next("grant");
    walk.mesh.ok(&grant.text.replace("REQUEST", id.trim()));
    assert!(walk.step("may").0.starts_with("yes: "));
    let (broken, _) = walk.step("broken");
    assert!(broken.contains("failed   id_present  1 of 4 rows failed"), "{broken}");
    // The node that is asked may have a copy of the feed only, which comes a moment later.
    until("the incident is known", || {
        let listed = walk.mesh.ok("mesh quality incidents --domain sales");
        if listed.contains("id_present") { Ok(()) } else { Err(listed) }
    });
    let (incident, _) = walk.step("incident");
    assert!(incident.contains("id_present") && incident.contains("at risk  id_present"), "{incident}");
    walk.step("fixed");
    let (history, _) = walk.step("history");
    assert!(history.contains("fixed   id_present"), "{history}");
    let (insights, _) = walk.step("insights");
    assert!(insights.contains("cross_domain_use"), "{insights}");
    walk.ends();
}
