//! Claims about names: one row for each way that a dataset and a port are called.
#![allow(clippy::unwrap_used)]

use super::*;

fn id(namespace: &str, name: &str) -> DatasetId {
    DatasetId { namespace: namespace.into(), name: name.into() }
}

fn port(kind: PortKind, location: &str, topic: &str) -> OutputPort {
    let mut port = OutputPort::new("out".parse().unwrap(), kind);
    port.location = Some(location.to_owned()).filter(|location| !location.is_empty());
    port.topic = Some(topic.to_owned()).filter(|topic| !topic.is_empty());
    port
}

fn put(names: &mut Names, product: &str, ports: &[(u32, OutputPort, &[&'static str])]) {
    let mut majors: BTreeMap<u32, Vec<(&OutputPort, Vec<&str>)>> = BTreeMap::new();
    for (major, port, datasets) in ports {
        majors.entry(*major).or_default().push((port, datasets.to_vec()));
    }
    names.put(&product.parse().unwrap(), &majors);
}

fn found(names: &Names, namespace: &str, name: &str) -> Vec<String> {
    names.find(&id(namespace, name)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_location_is_found_under_the_names_that_pipelines_use() {
    use PortKind::{Api, Batch, File, Sql, Stream};
    let tables: &[&str] = &["orders"];
    for (kind, location, topic, datasets, namespace, name) in [
        (Batch, "s3://lake/shop/orders/", "", tables, "s3://lake", "shop/orders"),
        (Batch, "s3://lake/shop/orders/", "", tables, "s3a://lake", "/shop/orders/day=2026-11-30/part-0.parquet"),
        (Batch, "s3a://lake/shop//orders", "", tables, "s3://lake", "shop/orders"),
        (
            Batch,
            "abfss://box@account.dfs.core.windows.net/orders",
            "",
            tables,
            "abfss://box@account.dfs.core.windows.net",
            "orders",
        ),
        (File, "/srv/orders", "", tables, "file", "/srv/orders/a.csv"),
        (File, "file:///srv/orders", "", tables, "file", "/srv/orders"),
        (File, "hdfs://nn:8020/srv/orders", "", tables, "hdfs://nn:8020", "/srv/orders"),
        (Api, "https://api.example.org/orders", "", tables, "https://api.example.org", "/orders"),
        (Sql, "postgres://db/shop", "", tables, "postgres://db:5432", "shop.public.orders"),
        (
            Sql,
            "postgresql://reader@DB:5432/shop?sslmode=require",
            "",
            tables,
            "postgres://db:5432",
            "shop.public.orders",
        ),
        (Sql, "postgres://db/shop", "", &["sales.orders"], "postgres://db", "shop.sales.orders"),
        (Sql, "postgres://db/shop/sales/orders", "", &[], "postgres://db:5432", "shop.sales.orders"),
        (Sql, "snowflake://org-account/SHOP/PUBLIC", "", &["ORDERS"], "snowflake://org-account", "SHOP.PUBLIC.ORDERS"),
        (Sql, "warehouse.shop.orders", "", tables, "snowflake://any", "warehouse.shop.orders"),
        (Sql, "bigquery:project.shop.orders", "", &[], "bigquery", "project.shop.orders"),
        (Stream, "kafka://broker/", "orders", tables, "kafka://broker:9092", "orders"),
        (Stream, "kafka://broker:9092,other:9092", "orders", tables, "kafka://broker:9092", "orders"),
        (Sql, "duckdb:/srv/shop.duckdb", "", tables, "datamesh", "shop/orders#out"),
        (Stream, "broker:9092", "orders", tables, "kafka://broker:9092", "orders"),
        (Stream, "", "orders", tables, "kafka://any:9092", "orders"),
        (Stream, "", "orders", tables, "datamesh", "shop/orders#out"),
        (Stream, "", "orders", tables, "datamesh", "shop/orders@1#out"),
    ] {
        let mut names = Names::default();
        let mut port = port(kind, location, topic);
        port.protocol = (location == "broker:9092").then(|| "kafka".to_owned());
        put(&mut names, "shop/orders", &[(1, port, datasets)]);
        let row = format!("{location} {topic} {namespace} {name}");
        assert_eq!(found(&names, namespace, name), ["shop/orders#out (major 1)"], "{row}");
    }
}

#[test]
fn what_is_somewhere_else_is_not_found() {
    let mut names = Names::default();
    put(&mut names, "shop/orders", &[(1, port(PortKind::Batch, "s3://lake/shop/orders", ""), &[])]);
    put(&mut names, "shop/all", &[(1, port(PortKind::Batch, "s3://everything/", ""), &[])]);
    put(&mut names, "shop/table", &[(1, port(PortKind::Sql, "warehouse.shop.orders", ""), &[])]);
    put(&mut names, "shop/base", &[(1, port(PortKind::Sql, "postgres://db/shop", ""), &["orders"])]);
    for (namespace, name) in [
        ("s3://lake", "shop"),
        ("s3://lake", "shop/orders2"),
        ("s3://pond", "shop/orders"),
        ("s3://everything", "other/things"),
        ("postgres://db:5432", "shop"),
        ("postgres://db:5433", "shop.public.orders"),
        ("postgres://db:5432", "shop.public.orders.x"),
        ("datamesh", "shop/orders"),
        ("kafka://any:9092", "warehouse.shop.orders"),
        ("datamesh", "shop/orders@2#out"),
        ("", ""),
    ] {
        assert_eq!(found(&names, namespace, name), Vec::<String>::new(), "{namespace} {name}");
    }
}

#[test]
fn a_topic_alone_is_found_while_it_is_the_only_one() {
    let mut names = Names::default();
    put(&mut names, "shop/orders", &[(1, port(PortKind::Stream, "", "orders"), &[])]);
    assert_eq!(found(&names, "kafka://any:9092", "orders").len(), 1);
    put(&mut names, "other/orders", &[(1, port(PortKind::Stream, "", "orders"), &[])]);
    assert_eq!(found(&names, "kafka://any:9092", "orders"), Vec::<String>::new());
    put(&mut names, "other/orders", &[]);
    assert_eq!(found(&names, "kafka://any:9092", "orders"), ["shop/orders#out (major 1)"]);
}

#[test]
fn what_says_where_it_is_is_nowhere_else() {
    use PortKind::{Sql, Stream};
    for (kind, location, protocol, topic, namespace, name) in [
        (Stream, "pulsar://broker:6650", "", "orders", "kafka://broker:9092", "orders"),
        (Stream, "broker:9092", "", "orders", "kafka://staging:9092", "orders"),
        (Stream, "", "mqtt", "orders", "kafka://any:9092", "orders"),
        (Stream, "kafka://prod", "", "orders", "kafka://staging:9092", "orders"),
        (Stream, "", "", "orders", "nats://any", "orders"),
        (Sql, "warehouse.shop.orders", "postgres", "", "mysql://any", "warehouse.shop.orders"),
        (Sql, "warehouse.shop.orders", "", "", "nats://any", "warehouse.shop.orders"),
        (Sql, "warehouse.shop.orders", "", "", "anything", "warehouse.shop.orders"),
        (PortKind::Batch, "s3://lake/a#1/orders", "", "", "s3://lake", "a/other"),
    ] {
        let mut names = Names::default();
        let mut port = port(kind, location, topic);
        port.protocol = Some(protocol.to_owned()).filter(|protocol| !protocol.is_empty());
        put(&mut names, "shop/orders", &[(1, port, &[])]);
        assert_eq!(found(&names, namespace, name), Vec::<String>::new(), "{location} {protocol} {namespace}");
    }
}

#[test]
fn less_than_where_it_is_counts_while_nobody_else_says_the_same() {
    let mut names = Names::default();
    put(&mut names, "shop/orders", &[(1, port(PortKind::Stream, "", "orders"), &[])]);
    put(&mut names, "other/orders", &[(1, port(PortKind::Stream, "kafka://prod", "orders"), &[])]);
    assert_eq!(found(&names, "kafka://staging:9092", "orders"), Vec::<String>::new());
    assert_eq!(found(&names, "kafka://prod:9092", "orders"), ["other/orders#out (major 1)"]);
}

#[test]
fn majors_that_say_the_same_topic_are_one() {
    let mut names = Names::default();
    let major = |major| (major, port(PortKind::Stream, "", "orders"), &[][..]);
    put(&mut names, "shop/orders", &[major(1), major(2)]);
    assert_eq!(found(&names, "kafka://any:9092", "orders").len(), 2);
}

#[test]
fn one_name_for_what_is_written_in_several_ways_and_nobodys_password() {
    for (namespace, name, one) in [
        ("postgresql://etl:secret@DB", "shop.public.orders", "postgres://db:5432/shop.public.orders"),
        ("s3a://raw", "/x//y/", "s3://raw/x/y"),
        ("file", "/srv/orders/a.csv", "file/srv/orders/a.csv"),
        ("azurecosmos://host/dbs/shop", "colls/orders", "azurecosmos://host/dbs/shop/colls/orders"),
        ("arn:aws:glue:eu-west-1:42", "table/shop/orders", "arn:aws:glue:eu-west-1:42/table/shop/orders"),
        ("any words", "orders", "any words/orders"),
    ] {
        assert_eq!(canonical(&id(namespace, name)).to_string(), one);
    }
}

#[test]
fn a_name_of_many_folders_is_looked_for_no_deeper_than_ports_are() {
    let mut names = Names::default();
    put(&mut names, "shop/orders", &[(1, port(PortKind::Batch, "s3://lake/a/b/c", ""), &[])]);
    assert_eq!(found(&names, "s3://lake", &format!("a/b/c/{}", "d/".repeat(400))).len(), 1);
    assert_eq!(found(&names, "s3://lake", &format!("a/b/{}", "d/".repeat(400))).len(), 0);
}

#[test]
fn the_longest_folder_counts_and_majors_share_a_place() {
    let mut names = Names::default();
    put(&mut names, "shop/outer", &[(1, port(PortKind::Batch, "s3://lake/shop", ""), &[])]);
    let inner = |major| (major, port(PortKind::Batch, "s3://lake/shop/inner", ""), &[][..]);
    put(&mut names, "shop/inner", &[inner(1), inner(2)]);
    assert_eq!(found(&names, "s3://lake", "shop/inner/x"), ["shop/inner#out (major 1)", "shop/inner#out (major 2)"]);
    assert_eq!(found(&names, "s3://lake", "shop/x"), ["shop/outer#out (major 1)"]);
    assert_eq!(found(&names, "datamesh", "shop/inner#out"), ["shop/inner#out (major 2)"]);
}
