//! ours and peers in turn
pub fn run(rows: &[&str]) -> Result<(), String> {
    let _ = rows;
    Ok(())
}
pub fn measure(a: &str, b: &[&str]) -> Result<(), String> {
    let _ = (a, b);
    Ok(())
}
