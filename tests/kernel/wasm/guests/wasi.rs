use std::collections::HashMap;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant, SystemTime};

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    println!("args {:?}", &args[1..]);
    println!("env {:?}", std::env::var("NAME").ok());
    let dir = &args[1];
    std::fs::create_dir_all(format!("{dir}/a/b"))?;
    std::fs::write(format!("{dir}/a/one"), "first\nsecond\n")?;
    let mut file = std::fs::OpenOptions::new().append(true).open(format!("{dir}/a/one"))?;
    writeln!(file, "third")?;
    drop(file);
    let lines: Vec<String> = std::io::BufReader::new(std::fs::File::open(format!("{dir}/a/one"))?).lines().collect::<Result<_, _>>()?;
    println!("lines {}", lines.join(","));
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(format!("{dir}/a/one"))?;
    file.seek(SeekFrom::Start(6))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    file.set_len(5)?;
    println!("rest {:?} size {}", text, file.metadata()?.len());
    std::fs::rename(format!("{dir}/a/one"), format!("{dir}/a/b/two"))?;
    let mut names: Vec<String> = std::fs::read_dir(format!("{dir}/a"))?.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    println!("names {:?}", names);
    println!("outside {:?}", std::fs::read_to_string(format!("{dir}/../secret")).is_err());
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    println!("slept {}", start.elapsed() >= Duration::from_millis(30));
    println!("time {}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() > 1_700_000_000);
    let map: HashMap<u32, u32> = (0..100).map(|n| (n, n)).collect(); // its keys are hashed with random numbers
    println!("map {}", map.len());
    std::fs::remove_dir_all(format!("{dir}/a"))?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    println!("input {:?}", line);
    std::process::exit(7)
}
