//! The eight tables, each as a name and a way to generate one part of it.

use std::sync::LazyLock;

use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use tpchgen::{
    distribution::Distributions,
    generators::{
        CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
        RegionGenerator, SupplierGenerator,
    },
    text::TextPool,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow, SupplierArrow,
};

/// Bytes of the text that comments are cut from. The benchmark's own pool has 300 MiB, which is
/// more memory than a whole copy is given; only the comments of a row depend on it.
const TEXT_POOL: i32 = 4 << 20;

static TEXT: LazyLock<TextPool> = LazyLock::new(|| TextPool::new(TEXT_POOL, Distributions::static_default()));

/// One table of the benchmark.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) schema: fn() -> SchemaRef,
    /// Rows at scale factor 1, about; `None` for a table of fixed size that cannot be cut.
    pub(super) rows: Option<f64>,
    /// Bytes of a row in Arrow buffers, at most.
    pub(super) row_bytes: u64,
    pub(super) generate: fn(Part) -> Batches,
}

/// Which rows to generate: part `number` of `of`, numbered from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) scale_factor: f64,
    pub(super) number: i32,
    pub(super) of: i32,
    pub(super) batch_rows: usize,
}

/// The rows of a part.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

pub(super) static ALL: [Table; 8] = [
    Table {
        name: "lineitem",
        schema: LineItemArrow::schema_ref,
        rows: Some(6e6),
        row_bytes: 320,
        generate: |p| {
            let rows = LineItemGenerator::new_with_distributions_and_text_pool(
                p.scale_factor,
                p.number,
                p.of,
                Distributions::static_default(),
                &TEXT,
            );
            Box::new(LineItemArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "orders",
        schema: OrderArrow::schema_ref,
        rows: Some(1.5e6),
        row_bytes: 260,
        generate: |p| {
            let rows = OrderGenerator::new_with_distributions_and_text_pool(
                p.scale_factor,
                p.number,
                p.of,
                Distributions::static_default(),
                &TEXT,
            );
            Box::new(OrderArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "customer",
        schema: CustomerArrow::schema_ref,
        rows: Some(150_000.0),
        row_bytes: 400,
        generate: |p| {
            let rows = CustomerGenerator::new_with_distributions_and_text_pool(
                p.scale_factor,
                p.number,
                p.of,
                Distributions::static_default(),
                &TEXT,
            );
            Box::new(CustomerArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "part",
        schema: PartArrow::schema_ref,
        rows: Some(200_000.0),
        row_bytes: 320,
        generate: |p| {
            let rows = PartGenerator::new_with_distributions_and_text_pool(
                p.scale_factor,
                p.number,
                p.of,
                Distributions::static_default(),
                &TEXT,
            );
            Box::new(PartArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "partsupp",
        schema: PartSuppArrow::schema_ref,
        rows: Some(800_000.0),
        row_bytes: 300,
        generate: |p| {
            let rows = PartSuppGenerator::new_with_text_pool(p.scale_factor, p.number, p.of, &TEXT);
            Box::new(PartSuppArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "supplier",
        schema: SupplierArrow::schema_ref,
        rows: Some(10_000.0),
        row_bytes: 360,
        generate: |p| {
            let rows = SupplierGenerator::new_with_distributions_and_text_pool(
                p.scale_factor,
                p.number,
                p.of,
                Distributions::static_default(),
                &TEXT,
            );
            Box::new(SupplierArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "nation",
        schema: NationArrow::schema_ref,
        rows: None,
        row_bytes: 260,
        generate: |p| {
            let rows = NationGenerator::new_with_distributions_and_text_pool(Distributions::static_default(), &TEXT);
            Box::new(NationArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
    Table {
        name: "region",
        schema: RegionArrow::schema_ref,
        rows: None,
        row_bytes: 260,
        generate: |p| {
            let rows = RegionGenerator::new_with_distributions_and_text_pool(Distributions::static_default(), &TEXT);
            Box::new(RegionArrow::new(rows).with_batch_size(p.batch_rows))
        },
    },
];
