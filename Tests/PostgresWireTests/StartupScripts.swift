import Testing

/// From the first byte to the first ReadyForQuery.
@Suite struct StartupScripts {
  @Test("Bytes behind an encryption request are an injection")
  func bytesBehindSSL() {
    expectScript(
      isStarted: false, isCut: false,
      #"""
      > SSLRequest
      > Startup user=me
      < Error S=FATAL | V=FATAL | C=08P01 | M=received unencrypted data after an encryption request | D=This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.
      < closed
      """#)
  }

  @Test("An encryption request comes once")
  func twiceSSL() {
    expectScript(
      isStarted: false,
      #"""
      > SSLRequest
      < N

      > SSLRequest
      < Error S=FATAL | V=FATAL | C=08P01 | M=repeated encryption request
      < closed
      """#)
  }

  @Test("A newer minor version and unknown protocol options are negotiated")
  func minorVersion() {
    expectScript(
      isStarted: false,
      #"""
      > Startup3.2 user=me _pq_.compression=on _pq_.x=1
      < NegotiateProtocolVersion 3.0 _pq_.compression _pq_.x
      < AuthenticationOk
      < ParameterStatus server_version=15.8
      < ParameterStatus client_encoding=UTF8
      < ParameterStatus DateStyle=ISO, MDY
      < BackendKeyData 1 16909060
      < ReadyForQuery I
      """#)
  }

  @Test("Another major version is refused")
  func majorVersion() {
    expectScript(
      isStarted: false,
      #"""
      > Startup2 user=me
      < Error S=FATAL | V=FATAL | C=0A000 | M=unsupported frontend protocol 2.0: server supports 3.0
      < closed
      """#)
  }

  @Test("A user must be given")
  func noUser() {
    expectScript(
      isStarted: false,
      #"""
      > Startup database=db
      < Error S=FATAL | V=FATAL | C=28000 | M=no PostgreSQL user name specified in startup packet
      < closed
      """#)
  }

  @Test("options, and names in capitals")
  func options() {
    expectScript(
      isStarted: false,
      #"""
      > Startup user=me options=-c\ search_path=a\\\ b\ --statement-timeout=5\ -cgeqo=off DateStyle=ISO
      < AuthenticationOk
      < ParameterStatus server_version=15.8
      < ParameterStatus client_encoding=UTF8
      < ParameterStatus DateStyle=ISO, MDY
      < BackendKeyData 1 16909060
      < ReadyForQuery I
      """#)
  }

  @Test("options that are not settings")
  func badOptions() {
    expectScript(
      isStarted: false,
      #"""
      > Startup user=me options=-x
      < Error S=FATAL | V=FATAL | C=42601 | M=invalid command-line argument for server process: -x
      < closed
      """#)
  }

  @Test("Only UTF-8")
  func encoding() {
    expectScript(
      isStarted: false,
      #"""
      > Startup user=me client_encoding=LATIN1
      < Error S=FATAL | V=FATAL | C=22023 | M=invalid value for parameter "client_encoding": "LATIN1" | H=This server speaks UTF8 only.
      < closed
      """#)
  }

  @Test("No replication connections")
  func replication() {
    expectScript(
      isStarted: false,
      #"""
      > Startup user=me replication=database
      < Error S=FATAL | V=FATAL | C=0A000 | M=replication connections are not supported
      < closed
      """#)
  }

  @Test("What the session's maker says is FATAL")
  func missingDatabase() {
    expectScript(
      isStarted: false,
      #"""
      > Startup user=me database=missing
      < AuthenticationOk
      < Error S=FATAL | V=FATAL | C=3D000 | M=database "missing" does not exist
      < closed
      """#)
  }

  @Test("A startup packet without its last byte")
  func unterminated() {
    expectScript(
      isStarted: false,
      #"""
      > Hex 000000100003000075736572006d6500
      < Error S=FATAL | V=FATAL | C=08P01 | M=invalid startup packet layout: expected terminator as last byte
      < closed
      """#)
  }

  @Test("A user name that is not UTF-8")
  func badUTF8() {
    expectScript(
      isStarted: false,
      #"""
      > Hex 00000011000300007573657200ff650000
      < Error S=FATAL | V=FATAL | C=22021 | M=invalid byte sequence for encoding "UTF8"
      < closed
      """#)
  }

  @Test("HTTP on the port gets no answer")
  func http() {
    expectScript(
      isStarted: false,
      #"""
      > Hex 474554202f20485454502f312e310d0a
      < closed
      """#)
  }

  @Test("TLS on the port gets no answer")
  func tls() {
    expectScript(
      isStarted: false,
      #"""
      > Hex 160301020001
      < closed
      """#)
  }

  @Test("Impossible lengths get no answer")
  func lengths() {
    expectScript(
      isStarted: false,
      #"""
      > Hex 0000000700030000
      < closed
      """#)
  }

  @Test("A query instead of a startup packet")
  func queryTooEarly() {
    expectScript(
      isStarted: false,
      #"""
      > Query "rows 1"
      < closed
      """#)
  }
}
