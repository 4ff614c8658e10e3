//! Any bytes as the file of a pipeline: loading, checking and resolving it may say no, and nothing else.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use ropeway_specs::{Factory, Inputs, Scene, validate};

/// A factory whose pipeline is what the fuzzer says, and that pipeline's file.
struct Surroundings {
    root: PathBuf,
    pipeline: PathBuf,
}

static SURROUNDINGS: LazyLock<Surroundings> = LazyLock::new(|| {
    let root = ropeway_fuzz::scratch("definition");
    let write = |folder: &str, name: &str, text: &str| {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::write(folder.join(name), text).expect("a file can be written");
        folder.join(name)
    };
    write("linkedService", "Store.json", include_str!("../factory/linkedService/Store.json"));
    write("linkedService", "Server.json", include_str!("../factory/linkedService/Server.json"));
    write("dataset", "Table.json", include_str!("../factory/dataset/Table.json"));
    write("dataset", "Folder.json", include_str!("../factory/dataset/Folder.json"));
    let pipeline = write("pipeline", "Main.json", "{}");
    Surroundings { root, pipeline }
});

fuzz_target!(|bytes: &[u8]| {
    let Surroundings { root, pipeline } = &*SURROUNDINGS;
    fs::write(pipeline, bytes).expect("a file can be written");
    let (factory, _) = Factory::load(root);
    let _ = validate(std::slice::from_ref(root));
    let inputs = Inputs::manual("run", DateTime::UNIX_EPOCH);
    for name in factory.pipelines() {
        let Ok(pipeline) = factory.pipeline(name) else { continue };
        for activity in pipeline.activities() {
            let _ = activity.work(&inputs, &Scene::first(&inputs, activity.name(), pipeline.variables()));
        }
    }
});
