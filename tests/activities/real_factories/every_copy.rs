//! Every Copy of the real factories whose stores Ropeway has is planned against the stand-ins, from its own JSON.
//!
//! What a factory lacks lies beside it: linked services and pipelines that it refers to, values of parameters, secrets. The
//! tables and files that a Copy reads are made as its definition asks for them. A Copy that depends on what a run finds out
//! (an item, a variable, the output of an activity) is named by the plan of its pipeline with that reason, and planned a
//! second time in a pipeline of its own, with values in those places.

mod definitions;
mod exceptions;
mod files;
mod given;
mod laid;
mod planning;
mod stores;
mod templates;
mod values;
mod world;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ropeway_specs::validate;

use self::{
    exceptions::Failures,
    laid::{Copy, Ends, Laid},
    planning::{Verdict, plan},
    world::World,
};
use super::real::factories;

const TOOLS: &str = "Azure-Player__azure.datafactory.tools";
const WAREHOUSES: &str = "Azure-Samples__modern-data-warehouse-dataops";
const GALLERY: &str = "Azure__Azure-DataFactory";
const VERSION_1: &str = "Azure__Azure-DataFactory__v1history";
const PLATFORM: &str = "microsoft__azure-data-services-go-fast-codebase/solution/DataFactory";
const ITS_TEMPLATES: &str = "microsoft__azure-data-services-go-fast-codebase/solution/DeploymentV2";

#[test]
fn every_copy_of_the_deployment_tools_is_planned() {
    walk(TOOLS);
}

#[test]
fn every_copy_of_the_warehouse_samples_is_planned() {
    walk(WAREHOUSES);
}

#[test]
fn every_copy_of_the_gallery_is_planned() {
    walk(GALLERY);
}

#[test]
fn every_copy_of_version_1_is_planned() {
    walk(VERSION_1);
}

#[test]
fn every_copy_of_a_metadata_driven_platform_is_planned() {
    walk(PLATFORM);
}

#[test]
fn every_copy_of_its_templates_is_planned() {
    walk(ITS_TEMPLATES);
}

#[test]
fn every_factory_is_walked() {
    let Some(root) = factories() else { return };
    let walked = [TOOLS, WAREHOUSES, GALLERY, VERSION_1, PLATFORM, ITS_TEMPLATES].map(|folder| format!("{folder}/"));
    for (factory, _) in factories_below(&root, "") {
        assert!(walked.iter().any(|folder| factory.starts_with(folder)), "{factory} needs a test");
    }
}

/// Plans every Copy below a folder whose stores Ropeway has.
fn walk(folder: &str) {
    let Some(root) = factories() else { return };
    let mut world = World::start();
    let mut failures = Failures::below(folder);
    // Some factories are there several times.
    let mut planned: BTreeMap<_, Counts> = BTreeMap::new();
    let mut all = Counts::new();
    for (factory, loaded) in factories_below(&root, folder) {
        let laid = Laid::new(&factory, &world).expect("definitions");
        let counts = planned.entry(laid.real.content()).or_insert_with(|| {
            let copies = plan(&laid, &mut world);
            world.clear();
            count(&laid, loaded, copies, &mut failures)
        });
        counts.iter().for_each(|(kind, copies)| *all.entry(kind).or_default() += copies);
    }
    println!("{folder}: {} copies: {all:#?}", all.values().sum::<usize>());
    assert!(all.contains_key("planned"), "no Copy was planned");
    failures.are_the_known_ones();
}

/// How many copies there are of each kind.
type Counts = BTreeMap<&'static str, usize>;

/// Counts what became of the copies of a factory, of which so many were loaded, and takes in what failed.
fn count(laid: &Laid, loaded: usize, copies: Vec<(Copy, Option<Verdict>)>, failures: &mut Failures) -> Counts {
    let mut counts = Counts::new();
    let refused = loaded.checked_sub(copies.len()).expect("no more copies than there are");
    if refused > 0 {
        counts.insert("in pipelines that do not load", refused);
        failures.take(&laid.folder, "", &laid.definitions.refused);
    }
    for (copy, verdict) in copies {
        let kind = match (&copy.ends, verdict) {
            (Ends::Inactive, _) => "inactive",
            (Ends::Unknown, _) => "without a dataset, and none whose kind is clear",
            (Ends::Others, _) => "with stores that Ropeway has not",
            (Ends::Ropeways, Some(Verdict::Planned)) => "planned",
            (Ends::Ropeways, Some(Verdict::PlannedWithValues)) => "planned with values of a run",
            (Ends::Ropeways, Some(Verdict::Failed(reason))) => {
                failures.take(&laid.folder, &copy.name, &reason);
                "with mistakes of their own"
            }
            (Ends::Ropeways, None | Some(Verdict::Depends(_))) => panic!("nobody planned {}", copy.name),
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// The same walk where no table and no file is there.
#[test]
fn copies_without_their_tables_and_files_are_not_planned() {
    let Some(_) = factories() else { return };
    let mut world = World::without_sources();
    for folder in [
        "Azure-Samples__modern-data-warehouse-dataops/archive/single_tech_samples/adf_cicd/adf",
        "Azure__Azure-DataFactory__v1history/Samples/JSON/OnPremSqlServer_Copy_AzureSql_dest_sample",
        "Azure__Azure-DataFactory/templates/Identify file with latest epoch as prefix",
    ] {
        let laid = Laid::new(folder, &world).expect("definitions");
        for (copy, verdict) in plan(&laid, &mut world) {
            assert!(matches!(verdict, Some(Verdict::Failed(_))), "{folder}: {} was planned", copy.name);
        }
    }
}

/// The folders below one that are factories with copies, and how many each has.
fn factories_below(root: &Path, folder: &str) -> Vec<(String, usize)> {
    let below = |factory: PathBuf| factory.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
    let coverage = validate(&[root.join(folder)]).coverage.into_iter();
    coverage.filter(|found| found.copies.loaded > 0).map(|found| (below(found.factory), found.copies.loaded)).collect()
}
