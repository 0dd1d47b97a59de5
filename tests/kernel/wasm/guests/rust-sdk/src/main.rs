//! Every part of the crate once; says "ok" after each, or ends with what went wrong. argv[1]: the process that is to be seen.

mod sdk_bpf;

use eunomia::{errno, Error, Feature, Flags, Object, Pod, RawMap, Result, RingBuffer, Signals};
use sdk_bpf::{types, OpenSkeleton, Skeleton};
use std::cell::RefCell;
use std::time::Duration;

fn opened(pid: u32) -> Result<OpenSkeleton> {
    let mut open = Skeleton::open()?;
    assert_eq!((open.data.counted, open.rodata.wanted_pid), (5, 0));
    open.rodata.wanted_pid = pid;
    open.rodata.preset.first = 1 << 40;
    open.bss.enabled = 1;
    open.object.map("pairs").set_max_entries(1000)?;
    open.object.program("never").set_autoload(false)?;
    let failed = open.object.map("none").set_max_entries(1).unwrap_err();
    assert_eq!(failed.errno(), errno::ENOENT, "{failed}");
    Ok(open)
}

fn maps(skeleton: &Skeleton) -> Result<()> {
    let map = &skeleton.maps.pairs;
    assert_eq!(map.raw().info().max_entries, 1000);
    let key = |number| types::key { number, letter: b'x', ..types::key::default() };
    let value = |number| types::pair { first: number, second: 7 };
    assert!(map.lookup(&key(1))?.is_none());
    map.update(&key(1), &value(10), Flags::NO_EXIST)?;
    let twice = map.update(&key(1), &value(10), Flags::NO_EXIST).unwrap_err();
    assert_eq!(twice.errno(), errno::EEXIST, "{twice}");
    assert_eq!(map.lookup(&key(1))?.map(|pair| (pair.first, pair.second)), Some((10, 7)));
    assert_eq!((map.delete(&key(1))?, map.delete(&key(1))?), (true, false));

    let many: Vec<_> = (0..900u32).map(|number| (key(number), value(number.into()))).collect();
    map.update_batch(&many, Flags::ANY)?;
    let sum = map.iter().try_fold(0, |sum, entry| entry.map(|(key, pair)| sum + pair.first * u64::from(key.number)))?;
    assert_eq!(sum, (0..900u64).map(|number| number * number).sum());
    assert_eq!(map.keys().collect::<Result<Vec<_>>>()?.len(), 900);
    map.delete_batch(&many[..100].iter().map(|(key, _)| *key).collect::<Vec<_>>())?;
    assert_eq!(map.drain().collect::<Result<Vec<_>>>()?.len(), 800);
    assert_eq!(map.iter().count(), 0);

    let queue: &RawMap = &skeleton.maps.queue;
    queue.update(&[], 5u32.as_bytes(), Flags::ANY)?;
    queue.update(&[], 6u32.as_bytes(), Flags::ANY)?;
    assert_eq!(queue.lookup(&[])?.as_deref(), Some(5u32.as_bytes()));
    assert_eq!(queue.lookup_and_delete(&[])?.as_deref(), Some(5u32.as_bytes()));
    assert_eq!(queue.lookup_and_delete(&[])?.as_deref(), Some(6u32.as_bytes()));
    assert_eq!(queue.lookup_and_delete(&[])?, None);
    let sizes = skeleton.object.map::<eunomia::Map<u32, u32>>("pairs").unwrap_err();
    assert_eq!(sizes.errno(), errno::EINVAL, "{sizes}");
    let kind = skeleton.object.map::<eunomia::Map<u32, u32>>("percpu").unwrap_err();
    assert!(kind.to_string().contains("PerCpuMap"), "{kind}");
    println!("maps ok");
    Ok(())
}

eunomia::pod! {
    struct Own {
        number: u32,
        rest: [u8; 4],
    }
}

fn odd_maps(skeleton: &Skeleton) -> Result<()> {
    let map = &skeleton.maps.pairs;
    let key = |number| types::key { number, ..types::key::default() };
    for number in 0..500 {
        map.update(&key(number), &types::pair::default(), Flags::ANY)?;
    }
    let mut seen = 0;
    for each in map.keys() {
        let each = each?;
        seen += 1;
        if each.number % 2 == 0 {
            assert!(map.delete(&each)?); // the walk goes on where it was
        }
    }
    assert_eq!((seen, map.iter().count()), (500, 250));
    for each in map.iter() {
        map.delete(&each?.0)?;
    }
    assert_eq!(map.iter().count(), 0);

    let own = skeleton.object.map::<eunomia::Map<u32, Own>>("recent")?;
    for number in 0..1000 {
        own.update(&number, &Own { number, rest: [1; 4] }, Flags::ANY)?;
    }
    assert_eq!(own.lookup(&999)?.map(|own| (own.number, own.rest)), Some((999, [1; 4])));
    assert!(own.drain().collect::<Result<Vec<_>>>()?.len() <= 64);
    for number in 1..=2u64 {
        skeleton.maps.stack.update(&[], number.as_bytes(), Flags::ANY)?;
    }
    assert_eq!(skeleton.maps.stack.lookup_and_delete(&[])?.as_deref(), Some(2u64.as_bytes()));
    let counts: Vec<u32> = (0..eunomia::possible_cpus()? as u32).map(|cpu| cpu + 1).collect();
    skeleton.maps.percpu.update(&1, &counts, Flags::ANY)?;
    assert_eq!(skeleton.maps.percpu.lookup(&1)?.as_deref(), Some(&counts[..]));
    assert_eq!(skeleton.maps.percpu.update(&1, &counts[1..], Flags::ANY).unwrap_err().errno(), errno::EINVAL);

    let run = || skeleton.progs.caller.test_run(&[0; 64], 64, 1).map(|run| run.returned);
    assert_eq!(run()?, 1);
    skeleton.maps.calls.update(1u32.as_bytes(), skeleton.progs.called.fd()?.as_bytes(), Flags::ANY)?;
    assert_eq!(run()?, 0);
    skeleton.maps.inside.update(&0, &42, Flags::ANY)?;
    skeleton.maps.outer.update(7u32.as_bytes(), skeleton.maps.inside.raw().fd().as_bytes(), Flags::ANY)?;
    assert_eq!(run()?, 42);
    assert!(skeleton.maps.calls.delete(1u32.as_bytes())?);
    assert_eq!(run()?, 1);
    Ok(())
}

/// Send something to the interface and from the control group until a program has seen it.
fn hit(skeleton: &Skeleton, place: usize) -> Result<()> {
    let before = skeleton.bss.get()?.hits[place];
    println!("hit {place}");
    for _ in 0..600 {
        if skeleton.bss.get()?.hits[place] > before {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("program {place} did not run")
}

fn targets(skeleton: &Skeleton, group: &str) -> Result<()> {
    let none = skeleton.progs.packet.attach().unwrap_err();
    assert_eq!(none.errno(), errno::EOPNOTSUPP, "{none}");
    let link = skeleton.progs.packet.attach_interface("v1")?;
    hit(skeleton, 0)?;
    drop(link);
    assert_eq!(skeleton.progs.packet.attach_interface("no,such").unwrap_err().errno(), errno::ENODEV);
    let link = skeleton.progs.leaving.attach_cgroup(group)?;
    hit(skeleton, 1)?;
    drop(link);
    let link = skeleton.progs.anywhere.attach_tracepoint("syscalls", "sys_enter_getpriority")?;
    hit(skeleton, 2)?;
    drop(link);
    let link = skeleton.progs.sample.attach_perf_event("cpu-clock", 100)?;
    hit(skeleton, 3)?;
    drop(link);
    std::thread::sleep(Duration::from_millis(300)); // what runs on another CPU comes to its end
    let before = skeleton.bss.get()?.hits;
    println!("hit all");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(skeleton.bss.get()?.hits, before, "they are detached");
    println!("targets ok");
    Ok(())
}

fn events(skeleton: &Skeleton, pid: u32) -> Result<()> {
    let seen = RefCell::new(Vec::new());
    let mut rings = RingBuffer::new();
    for (name, map) in [("first", &skeleton.maps.first), ("second", &skeleton.maps.second), ("perf", &skeleton.maps.perf)] {
        let seen = &seen;
        rings.add(map, move |record| {
            let event = record.read::<types::event>().expect("a whole event");
            assert!(record.len() >= std::mem::size_of::<types::event>() && !record.is_cut());
            assert_eq!((event.kind(), event.rest(), event.whole(), event.halves()), (5, 21, 0x1_0000_0002, [2, 1]));
            assert_eq!(event.pid, pid);
            seen.borrow_mut().push((name, event.value));
        })?;
    }
    assert_eq!(rings.poll(Some(Duration::from_millis(0)))?, 0);
    let link = skeleton.progs.on_call.attach()?;
    println!("attached");
    while seen.borrow().len() < 30 {
        rings.poll(Some(Duration::from_secs(10)))?;
    }
    link.detach()?;
    rings.consume()?;
    assert_eq!(rings.lost()?, 0);
    drop(rings);
    let seen = seen.into_inner();
    let count = |name, value| seen.iter().filter(|row| **row == (name, value)).count();
    let of_first = count("first", -3);
    assert_eq!((count("second", 1 << 40), count("perf", 1 << 40), seen.len()), (of_first, of_first, 3 * of_first));

    let calls: u32 = skeleton.maps.percpu.lookup(&0)?.expect("an array").iter().sum();
    assert_eq!(calls as usize, of_first);
    assert_eq!(skeleton.maps.percpu.lookup(&0)?.map(|values| values.len()), Some(eunomia::possible_cpus()?));
    assert_eq!(skeleton.maps.percpu.iter().count(), 2);
    assert_eq!(skeleton.bss.get()?.seen, of_first as u64 * 5);
    skeleton.data.update(|data| data.counted = 9)?;
    assert_eq!(skeleton.data.get()?.counted, 9);
    println!("events ok, sections mapped: {}", skeleton.bss.is_mapped());
    Ok(())
}

fn system(skeleton: &Skeleton) -> Result<()> {
    let run = skeleton.object.program("length")?.test_run(&[0; 64], 64, 3)?;
    assert_eq!((run.returned, run.output.len()), (64 - 14, 64)); // behind the Ethernet header
    assert!(eunomia::probe(Feature::MapType(1))? && !eunomia::probe(Feature::Tracepoint("no:such"))?);
    assert!(eunomia::probe(Feature::Member("task_struct.pid"))? && !eunomia::probe(Feature::Member("task_struct.nix"))?);
    let names: Vec<_> = skeleton.object.programs()?.into_iter().map(|each| (each.name, each.autoload)).collect();
    assert!(names.contains(&("never".into(), false)) && names.contains(&("on_call".into(), true)), "{names:?}");
    assert!(skeleton.object.maps()?.iter().any(|map| map.name == "queue" && map.kind == 22));
    assert!(skeleton.kconfig.get()?.LINUX_KERNEL_VERSION >= 5 << 16);
    assert_eq!(skeleton.object.program("none").unwrap_err().errno(), errno::ENOENT);
    assert!(Object::load(b"no object").is_err());
    println!("system ok");
    Ok(())
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("panic") {
        let skeleton = Skeleton::load().expect("it loads");
        let mut ring = RingBuffer::new();
        ring.add(&skeleton.maps.first, |record| panic!("a record of {} bytes", record.len())).expect("a ring");
        assert_eq!(ring.add(&skeleton.maps.first, |_| ()).unwrap_err().errno(), errno::EEXIST);
        let links = skeleton.attach().map(|links| links.len());
        assert_eq!(links.unwrap_err().errno(), errno::ENOENT); // tp/no/such
        let _link = skeleton.progs.on_call.attach().expect("a tracepoint");
        println!("attached");
        while ring.poll(None).is_ok() {}
    }
    let pid = std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("a process");
    let done = (|| {
        let skeleton = opened(pid)?.load()?;
        maps(&skeleton)?;
        odd_maps(&skeleton)?;
        events(&skeleton, pid)?;
        if let Some(group) = std::env::args().nth(2) {
            targets(&skeleton, &group)?;
        }
        system(&skeleton)?;
        let signals = Signals::take();
        let mut ring = RingBuffer::new();
        ring.add(&skeleton.maps.first, |_| ())?;
        println!("waiting");
        while !signals.stopped() {
            ring.poll(None)?;
        }
        println!("signal {}", signals.last());
        Ok::<(), Error>(())
    })();
    if let Err(error) = done {
        eprintln!("rust-sdk: {error}");
        std::process::exit(1);
    }
}
