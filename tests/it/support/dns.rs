//! A DNS server on loopback. It knows what lines of a zone file say, such as `gatehouse discovery dns` prints, and nothing else.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// Answers over UDP until the test ends.
pub async fn serve(lines: Vec<String>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&answer(&buffer[..length], &lines), peer).await;
        }
    });
    address
}

/// A query has a header of 12 bytes and one question (RFC 1035, 4.1); what follows that is passed over.
fn answer(query: &[u8], lines: &[String]) -> Vec<u8> {
    let (mut name, mut at) = (String::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        name += &String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase();
        name.push('.');
        at = end;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let of_name: Vec<Vec<String>> = lines.iter().map(|line| words(line)).filter(|words| words[0] == name).collect();
    let answers: Vec<Vec<u8>> = of_name.iter().filter_map(|words| record(words, kind)).collect();
    // NXDOMAIN where nothing has that name.
    let code = if of_name.is_empty() { 3 } else { 0 };
    let counts = [1, u16::try_from(answers.len()).unwrap(), 0, 0].map(u16::to_be_bytes).concat();
    [&query[..2], &[0x85, 0x80 | code], &counts, &query[12..at + 5], &answers.concat()].concat()
}

/// A record of this kind, its owner written as that of the question.
fn record(words: &[String], kind: u16) -> Option<Vec<u8>> {
    let data: Vec<u8> = match (words[3].as_str(), kind) {
        ("SRV", 33) => {
            let numbers = words[4..7].iter().flat_map(|number| number.parse::<u16>().unwrap().to_be_bytes());
            let labels = words[7].split_terminator('.').filter(|label| !label.is_empty());
            numbers.chain(labels.flat_map(with_length)).chain([0]).collect()
        }
        ("TXT", 16) => words[4..].iter().flat_map(|text| with_length(text)).collect(),
        _ => return None,
    };
    let ttl = words[1].parse::<u32>().unwrap().to_be_bytes();
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    Some([&[0xc0, 12], &kind.to_be_bytes()[..], &[0, 1], &ttl, &length, &data].concat())
}

fn with_length(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// A line's words; those in quotes may hold spaces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut inside) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => inside = !inside,
            ' ' if !inside => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}
