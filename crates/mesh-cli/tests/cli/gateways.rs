//! `docs/gateways.md`: every command of it as written, in order, on one mesh; Python's library and nginx where they are installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::local_mesh::LocalMesh;
use crate::support::walk::Walk;
use crate::support::{http, page, shell, until};
use serde_json::{Value, json};

const PAGE: &str = "docs/gateways.md";

#[test]
fn a_consumer_draws_narrows_shows_and_takes_back_a_token_as_the_page_says() {
    let text = page::read(PAGE);
    let mut walk = Walk::of(PAGE);
    let (terms, said) = walk.step("issuer");
    assert!(terms.contains("since ") && !terms.contains("names it"), "{terms}");
    assert!(said.contains("root of sales"), "{said}");
    let (_, said) = walk.step("draw");
    assert!(said.contains("granted in advance") && said.contains("good until"), "{said}");
    let (narrow, _) = walk.step("narrow");
    assert_eq!(narrow, "", "it went to a file");

    // Bad input, each told in a sentence.
    let bo = "--as finance --key bo.pem";
    walk.refused(7, &format!("mesh access token sales/orders --port sql:currency {bo}"), "was not granted");
    walk.refused(7, &format!("mesh access token sales/returns {bo}"), "was not granted");
    walk.refused(3, &format!("mesh access token sales/orders --for 25h {bo}"), "1 to 86400 seconds");
    walk.refused(2, &format!("mesh access token sales/orders --for soon {bo}"), "length of time");
    walk.refused(
        7,
        "mesh access token sales/orders --as marketing --key bo.pem",
        "may not ask in the name of marketing",
    );
    walk.refused(8, "echo nonsense | mesh access narrow --port sql", "not an access token");
    walk.refused(2, "mesh access narrow token", "--port");
    let grant = "mesh access issuer grant finance --root-key";
    walk.refused(7, &format!("{grant} .mesh/keys/sales-root.pem --yes"), "root keys of domain finance");
    walk.refused(2, &format!("{grant} .mesh/keys/finance-root.pem < /dev/null"), "token issuer of the home of finance");
    let other = walk.mesh.json("mesh whoami")["key"].as_str().unwrap().to_owned();
    walk.refused(2, &format!("{grant} .mesh/keys/finance-root.pem --issuer {other}"), "expected ed25519:");

    let (verified, _) = walk.step("verify");
    assert!(verified.starts_with("yes: finance may, until "), "{verified}");
    let (narrowed, _) = walk.step("narrowed");
    assert!(narrowed.starts_with("no: the token was narrowed: "), "{narrowed}");
    let verify = "mesh access verify sales/orders sql order_id --major 2 --terms terms.json --token";
    walk.refused(8, &format!("tr a b < narrow > altered; {verify} altered"), "MESH-");
    walk.refused(7, &verify.replace("--major 2", "--major 3").replace("--token", "--token token"), "does not cover");
    walk.mesh.ok("sed -E 's/\"fetched_unix_ms\": [0-9]+/\"fetched_unix_ms\": 1000/' terms.json > old.json");
    walk.refused(8, &format!("{} narrow", verify.replace("terms.json", "old.json")), "was fetched ");
    walk.mesh.ok("sed 's/\"from_copy\": false/\"from_copy\": true/' terms.json > copy.json");
    let copied = verify.replace("terms.json", "copy.json");
    walk.refused(8, &format!("{copied} narrow"), "a copy's word");
    assert!(walk.mesh.ok(&format!("{copied} narrow --accept-copy")).starts_with("yes"));
    walk.refused(2, &format!("echo '{{}}' > none.json; {verify} token --terms none.json"), "terms");
    walk.refused(
        2,
        "mesh access verify finance/invoices sql --major 1 --terms terms.json --token token",
        "about sales",
    );
    walk.refused(
        7,
        "mesh access verify sales/orders sql currency --major 2 --terms terms.json --token token",
        "does not cover",
    );
    let found = walk.mesh.json(&format!("{verify} narrow"));
    assert_eq!((&found["allowed"], found["token_ids"].as_array().unwrap().len()), (&json!(true), 2));
    let rows = page::read("docs/json.md");
    let row = |command: &str| rows.lines().find(|line| line.starts_with(&format!("| `{command}`"))).unwrap().to_owned();
    let drawn = walk.mesh.json(&format!("mesh access token sales/orders {bo}"));
    for (command, printed) in [("access verify", &found), ("access token", &drawn)] {
        for key in printed.as_object().unwrap().keys() {
            let row = row(command);
            assert!(row.contains(&format!("`{key}`")) || row.contains(&format!("`{key}[]`")), "{command}: {key}");
        }
    }

    let block = walk.next("python");
    match python() {
        Some(python) => checks_in_python(&walk.mesh, &text, &block.text, &python),
        None => eprintln!("skipped: {PAGE}:{}: python3 has no biscuit_auth", block.line),
    }
    let nginx = Nginx::start(&walk.mesh, &text);
    let granted = std::fs::read_to_string(walk.mesh.folder().join("token")).unwrap();
    if let Some(nginx) = &nginx {
        assert_eq!(nginx.ask(None), 401);
        assert_eq!(nginx.ask(Some("nonsense")), 401);
        assert_eq!(nginx.ask(Some(granted.trim())), 200);
        let narrowed = std::fs::read_to_string(walk.mesh.folder().join("narrow")).unwrap();
        assert_eq!(nginx.ask(Some(narrowed.trim())), 403, "narrowed away");
    } else {
        eprintln!("skipped: {PAGE}: nginx is not installed");
    }

    walk.step("revoke");
    walk.ends();
    let why = walk.mesh.run("mesh access terms sales -o json > terms.json && mesh access verify sales/orders sql order_id --major 2 --terms terms.json --token narrow");
    assert_eq!(String::from_utf8(why.stdout).unwrap(), "no: the token was revoked\n");
    let other = drawn["token"].as_str().unwrap();
    if let Some(nginx) = &nginx {
        assert_eq!(nginx.ask(Some(granted.trim())), 403, "revoked");
        assert_eq!(nginx.ask(Some(other)), 200, "another one of the same grant");
    }
    let request = drawn["request"].as_str().unwrap();
    walk.mesh.ok(&format!("mesh access revoke {request} --note over"));
    if let Some(nginx) = &nginx {
        assert_eq!(nginx.ask(Some(other)), 403, "its grant was revoked");
    }
    walk.mesh.ok("mesh access terms sales -o json > terms.json");
    std::fs::write(walk.mesh.folder().join("other"), other).unwrap();
    walk.refused(7, &format!("{verify} other"), "was ended");
    let key: Value = walk.mesh.json("mesh access terms sales");
    let key = key["issuers"][0]["key"].as_str().unwrap().to_owned();
    walk.mesh.ok(&format!("mesh access issuer end sales {key} && mesh access terms sales -o json > terms.json"));
    walk.refused(8, &format!("{verify} other"), "no issuer of the domain");
}

/// A Python that has the library: the one of `PATH`.
fn python() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|python| python.is_file())?;
    let probe = Command::new(&found).args(["-c", "import biscuit_auth"]).output().ok()?;
    probe.status.success().then_some(found)
}

/// The page's script, run as the page says: changed, expired or widened, a token does not count.
fn checks_in_python(mesh: &LocalMesh, page: &str, line: &str, python: &Path) {
    let blocks = page::blocks(page);
    let script = blocks.iter().find(|block| block.attribute("file") == Some("check.py")).unwrap();
    std::fs::write(mesh.folder().join("check.py"), &script.text).unwrap();
    let line = line.replace("python3", python.to_str().unwrap());
    assert_eq!(mesh.ok(&line), "yes\n");
    let says = |line: &str, part: &str| {
        let output = mesh.run(line);
        let said = String::from_utf8(output.stdout.clone()).unwrap();
        let failed = output.status.code() == Some(1) && said.starts_with("no: ") && said.contains(part);
        assert!(failed, "{line}: {}", shell::describe(&output));
    };
    says(&line.replace("order_id", "total"), "check");
    says(&line.replace("narrow", "token").replace("order_id", "currency"), "policy");
    says(&line.replace("orders 2", "orders 3"), "");
    // Of another mesh.
    mesh.ok("sed 's/\"mesh_id\": \"..../\"mesh_id\": \"0000/' terms.json > other-mesh.json");
    says(&line.replace("terms.json", "other-mesh.json"), "check");
    mesh.ok("sed -E 's/\"fetched_unix_ms\": [0-9]+/\"fetched_unix_ms\": 1000/' terms.json > old-terms.json");
    says(&line.replace("terms.json", "old-terms.json"), "too old");
    // Its time is over.
    mesh.ok("mesh access narrow token --for 1s > short && sleep 2");
    says(&line.replace("narrow", "short"), "check");
    // Altered at the end of its first half, which an issuer signed.
    mesh.ok("cut -c1-100 token > half; cut -c101-120 token | tr 'A-Za-z' 'B-ZAb-za' >> half; cut -c121- token >> half; tr -d '\\n' < half > altered");
    says(&line.replace("narrow", "altered"), "no issuer");
}

/// nginx with the page's configuration, in front of one file. Ended when dropped.
struct Nginx {
    child: Child,
    url: String,
}

impl Nginx {
    fn start(mesh: &LocalMesh, page: &str) -> Option<Self> {
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].map(PathBuf::from).into_iter().find(|file| file.is_file())?;
        let blocks = page::blocks(page);
        let locations = &blocks.iter().find(|block| block.language == "nginx").unwrap().text;
        let locations = locations.replace("http://127.0.0.1:7080", &mesh.urls()[1]);
        let folder = mesh.folder().join("nginx");
        std::fs::create_dir_all(folder.join("exports")).unwrap();
        std::fs::write(folder.join("exports/orders.csv"), "order_id,total\n1,10.00\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c;\n\
             uwsgi_temp_path {at}/d; scgi_temp_path {at}/e; large_client_header_buffers 4 32k;\n\
             server {{ listen 127.0.0.1:{port}; root {at};\n{locations}}} }}\n"
        );
        std::fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.join("nginx.conf")).arg("-p").arg(&folder);
        command
            .arg("-e")
            .arg(folder.join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let nginx =
            Self { child: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}/exports/orders.csv") };
        until("nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string()));
        Some(nginx)
    }

    fn ask(&self, token: Option<&str>) -> u16 {
        let shown = token.map(|token| format!("Bearer {token}"));
        http::get_with(&self.url, shown.as_deref()).unwrap().0
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
