import Testing

/// Clients that do not keep to the protocol.
@Suite struct ViolationScripts {
  @Test("An unknown message type ends the connection")
  func unknownType() {
    expectScript(
      #"""
      > Query "rows 1"
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I

      > Hex 7900000004
      > Query "rows 1"
      < Error S=FATAL | V=FATAL | C=08P01 | M=invalid frontend message type 121
      < closed
      """#)
  }

  @Test("A length below four ends the connection")
  func length() {
    expectScript(
      #"""
      > Hex 5100000003
      < Error S=FATAL | V=FATAL | C=08P01 | M=invalid message length
      < closed
      """#)
  }

  @Test("A length above the limit ends the connection before the body arrives")
  func longLength() {
    expectScript(
      #"""
      > Hex 51ffffffff
      < Error S=FATAL | V=FATAL | C=54000 | M=message of 4294967291 bytes is longer than the limit of 67108864 bytes
      < closed
      """#)
  }

  @Test("A long Sync is not waited for")
  func longSync() {
    expectScript(
      #"""
      > Hex 5300010000
      < Error S=FATAL | V=FATAL | C=54000 | M=message of 65532 bytes is longer than the limit of 10000 bytes
      < closed
      """#)
  }

  @Test("A password nobody asked for")
  func passwordLater() {
    expectScript(
      #"""
      > Password "secret"
      < Error S=FATAL | V=FATAL | C=08P01 | M=invalid frontend message type 112
      < closed
      """#)
  }

  @Test("Function calls are refused, the connection goes on")
  func functionCall() {
    expectScript(
      #"""
      > FunctionCall
      > Query "rows 1"
      < Error S=ERROR | V=ERROR | C=0A000 | M=function call messages are not supported | H=Use SELECT instead.
      < ReadyForQuery I
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I

      > Parse "" "syntax error"
      > FunctionCall
      > Sync
      < Error S=ERROR | V=ERROR | C=42601 | M=syntax error at or near "syntax error" | P=1
      < ReadyForQuery I
      """#)
  }

  @Test("Text that is not UTF-8 is refused, the connection stays in sync")
  func badUTF8() {
    expectScript(
      #"""
      > Hex 5100000007ff6100
      > Query "rows 1"
      < Error S=ERROR | V=ERROR | C=22021 | M=invalid byte sequence for encoding "UTF8"
      < ReadyForQuery I
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I

      > Hex 500000000aff0061000000
      > Execute "" 0
      > Sync
      < Error S=ERROR | V=ERROR | C=22021 | M=invalid byte sequence for encoding "UTF8"
      < ReadyForQuery I
      """#)
  }

  @Test("Bodies that do not hold what they should")
  func unreadable() {
    expectScript(
      #"""
      > Hex 5100000004
      > Hex 510000000561
      > Hex 5100000007006100
      > Hex 500000000c0000ffff00000017
      > Hex 4500000007000001
      > Sync
      > Hex 530000000561
      > Hex 480000000561
      > Hex 6600000004
      > Sync
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid string in message
      < ReadyForQuery I
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid string in message
      < ReadyForQuery I
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid message format
      < ReadyForQuery I
      < Error S=ERROR | V=ERROR | C=08P01 | M=insufficient data left in message
      < ReadyForQuery I
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid message format
      < ReadyForQuery I
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid message format
      < ReadyForQuery I
      """#)
  }

  @Test("Counts and lengths in Bind that do not fit its body")
  func bindCounts() {
    expectScript(
      #"""
      > Hex 420000000c00000000ffff0000
      > Sync
      < Error S=ERROR | V=ERROR | C=08P01 | M=insufficient data left in message
      < ReadyForQuery I

      > Hex 4200000010000000000001fffffffe0000
      > Sync
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid length -2 of a parameter value
      < ReadyForQuery I

      > Hex 42000000100000000000017fffffff0000
      > Sync
      < Error S=ERROR | V=ERROR | C=08P01 | M=insufficient data left in message
      < ReadyForQuery I

      > Hex 420000001400000002000000000001000000000000
      > Sync
      < Error S=ERROR | V=ERROR | C=08P01 | M=bind message has 2 parameter formats but 1 parameters
      < ReadyForQuery I

      > Hex 420000000e00000001000200000000
      > Sync
      < Error S=ERROR | V=ERROR | C=22023 | M=unsupported format code: 2
      < ReadyForQuery I
      """#)
  }

  @Test("Describe of something that does not exist in the protocol")
  func describeKind() {
    expectScript(
      #"""
      > Hex 44000000065600
      > Sync
      < Error S=ERROR | V=ERROR | C=08P01 | M=invalid message subtype 86
      < ReadyForQuery I
      """#)
  }

  @Test("A query during COPY FROM ends the connection")
  func queryInCopy() {
    expectScript(
      #"""
      > Query "copy in"
      < CopyInResponse 0 0 0

      > Query "rows 1"
      < Error S=FATAL | V=FATAL | C=08P01 | M=unexpected message type 0x51 during COPY from stdin
      < closed
      """#)
  }

  @Test("Terminate is obeyed while messages are skipped")
  func terminateWhileSkipping() {
    expectScript(
      #"""
      > Bind "" "missing"
      > Terminate
      > Sync
      < Error S=ERROR | V=ERROR | C=26000 | M=prepared statement "missing" does not exist
      < closed
      """#)
  }

  @Test("COPY messages outside a COPY are ignored")
  func copyOutside() {
    expectScript(
      #"""
      > CopyData "1\n"
      > CopyDone
      > CopyFail "x"
      > Sync
      < ReadyForQuery I
      """#)
  }
}
