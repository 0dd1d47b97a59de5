"""What the tests share: running the real commands, causing kernel events, and finding what was left behind."""
