import Testing

/// The message rhythms of real clients, as captured from them.
@Suite struct RhythmScripts {
  @Test("psql: encryption refused, then Query only")
  func psql() {
    expectScript(
      isStarted: false,
      #"""
      > SSLRequest
      < N

      > GSSENCRequest
      < N

      > Startup user=me database=db application_name=psql client_encoding=UTF8
      < AuthenticationOk
      < ParameterStatus server_version=15.8
      < ParameterStatus client_encoding=UTF8
      < ParameterStatus DateStyle=ISO, MDY
      < BackendKeyData 1 16909060
      < ReadyForQuery I

      > Query "rows 2"
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < DataRow "1" "row 1"
      < CommandComplete "SELECT 2"
      < ReadyForQuery I

      > Query ""
      > Query "begin; rows 1; commit"
      > Query "notice hello; set TimeZone UTC"
      > Terminate
      < EmptyQueryResponse
      < ReadyForQuery I
      < CommandComplete "BEGIN"
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < CommandComplete "COMMIT"
      < ReadyForQuery I
      < Notice S=NOTICE | V=NOTICE | C=00000 | M=hello
      < CommandComplete "NOTICE"
      < ParameterStatus TimeZone=UTC
      < CommandComplete "SET"
      < ReadyForQuery I
      < closed
      """#)
  }

  @Test("An error ends a simple query, the statements before it are answered")
  func simpleErrors() {
    expectScript(
      #"""
      > Query "rows 1; error 22012; rows 1"
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < Error S=ERROR | V=ERROR | C=22012 | M=the fake fails | D=as asked
      < ReadyForQuery I

      > Query "begin; error 23505"
      < CommandComplete "BEGIN"
      < Error S=ERROR | V=ERROR | C=23505 | M=the fake fails | D=as asked
      < ReadyForQuery E

      > Query "rollback"
      < CommandComplete "ROLLBACK"
      < ReadyForQuery I
      """#)
  }

  @Test("psycopg 3: Parse, Bind, Describe portal, Execute, Sync; parameters of both formats")
  func psycopg() {
    expectScript(
      #"""
      > Parse "" "echo text int4 text"
      > Bind "" "" t:hello b:00000007 null -> b
      > Describe P ""
      > Execute "" 0
      > Sync
      < ParseComplete
      < BindComplete
      < RowDescription text:25/-1b int4:23/4b text:25/-1b
      < DataRow "hello" x00000007 null
      < CommandComplete "SELECT 1"
      < ReadyForQuery I

      > Parse "_pg3_0" "rows 1" 23 0
      > Sync
      < ParseComplete
      < ReadyForQuery I

      > Bind "" "_pg3_0"
      > Describe P ""
      > Execute "" 0
      > Sync
      < BindComplete
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I
      """#)
  }

  @Test("A pipeline with an error in the middle: skipped to its Sync, the next one runs")
  func psycopgPipeline() {
    expectScript(
      #"""
      > Parse "s" "rows 1"
      > Bind "" "s"
      > Execute "" 0
      > Bind "" "missing"
      > Execute "" 0
      > Bind "" "s"
      > Query "rows 1"
      > Flush
      > Close S "s"
      > Sync
      > Bind "" "s"
      > Execute "" 0
      > Sync
      < ParseComplete
      < BindComplete
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < Error S=ERROR | V=ERROR | C=26000 | M=prepared statement "missing" does not exist
      < ReadyForQuery I
      < BindComplete
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I
      """#)
  }

  @Test("A block that failed in a pipeline is E at its Sync, and up to its end")
  func failedBlock() {
    expectScript(
      #"""
      > Parse "b" "begin"
      > Bind "" "b"
      > Execute "" 0
      > Parse "" "error 23505"
      > Bind "" ""
      > Execute "" 0
      > Bind "" "b"
      > Execute "" 0
      > Sync
      > Sync
      < ParseComplete
      < BindComplete
      < CommandComplete "BEGIN"
      < ParseComplete
      < BindComplete
      < Error S=ERROR | V=ERROR | C=23505 | M=the fake fails | D=as asked
      < ReadyForQuery E
      < ReadyForQuery E

      > Query "rollback; revert"
      < CommandComplete "ROLLBACK"
      < CommandComplete "REVERT"
      < ParameterStatus TimeZone=UTC
      < ReadyForQuery I
      """#)
  }

  @Test("The session knows of a Sync that is here already, and only of one that follows at once")
  func syncFollows() {
    expectScript(
      isCut: false,
      #"""
      > Parse "" "last"
      > Bind "" ""
      > Execute "" 0
      > Bind "" ""
      > Execute "" 0
      > Sync
      < ParseComplete
      < BindComplete
      < CommandComplete "MORE"
      < BindComplete
      < CommandComplete "LAST"
      < ReadyForQuery I

      > Bind "" ""
      > Execute "" 0
      > Flush
      < BindComplete
      < CommandComplete "MORE"

      > Sync
      < ReadyForQuery I
      """#)
  }

  @Test("asyncpg: Parse, Describe, Flush without Sync, then Bind, Execute, Sync, all binary; a Close in between")
  func asyncpg() {
    expectScript(
      isStarted: false,
      #"""
      > Startup user=me database=db client_encoding='utf-8'
      < AuthenticationOk
      < ParameterStatus server_version=15.8
      < ParameterStatus client_encoding=UTF8
      < ParameterStatus DateStyle=ISO, MDY
      < BackendKeyData 1 16909060
      < ReadyForQuery I

      > Parse "__asyncpg_stmt_1__" "rows 2"
      > Describe S "__asyncpg_stmt_1__"
      > Flush
      < ParseComplete
      < ParameterDescription
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t

      > Close S "__asyncpg_stmt_0__"
      > Sync
      < CloseComplete
      < ReadyForQuery I

      > Bind "" "__asyncpg_stmt_1__" -> b
      > Execute "" 1
      > Sync
      < BindComplete
      < DataRow x00000000 "row 0"
      < PortalSuspended
      < ReadyForQuery I

      > Bind "" "__asyncpg_stmt_1__" -> b
      > Execute "" 0
      > Sync
      < BindComplete
      < DataRow x00000000 "row 0"
      < DataRow x00000001 "row 1"
      < CommandComplete "SELECT 2"
      < ReadyForQuery I
      """#)
  }

  @Test("asyncpg: CopyData before CopyInResponse was sent")
  func asyncpgCopy() {
    expectScript(
      #"""
      > Query "copy in"
      > CopyData "1\ta\n"
      > CopyData "2\t"
      > CopyData "b\n"
      > CopyDone
      > Query "rows 1"
      < CopyInResponse 0 0 0
      < --
      < CommandComplete "COPY 8"
      < ReadyForQuery I
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I
      """#)
  }

  @Test("pgjdbc: BEGIN before the first statement under one Sync, Execute with a limit of 1, portals across Sync")
  func pgjdbc() {
    expectScript(
      #"""
      > Parse "" "begin"
      > Bind "" ""
      > Execute "" 0
      > Parse "S_1" "rows 5"
      > Bind "C_1" "S_1" -> b
      > Describe P "C_1"
      > Execute "C_1" 2
      > Sync
      < ParseComplete
      < BindComplete
      < CommandComplete "BEGIN"
      < ParseComplete
      < BindComplete
      < RowDescription n:23/4@16384.1b label:1043/-1(24)@16384.2b
      < DataRow x00000000 "row 0"
      < DataRow x00000001 "row 1"
      < PortalSuspended
      < ReadyForQuery T

      > Execute "C_1" 2
      > Sync
      < DataRow x00000002 null
      < DataRow x00000003 "row 3"
      < PortalSuspended
      < ReadyForQuery T

      > Execute "C_1" 2
      > Close P "C_1"
      > Sync
      < DataRow x00000004 "row 4"
      < CommandComplete "SELECT 1"
      < CloseComplete
      < ReadyForQuery T

      > Execute "C_1" 2
      > Sync
      < Error S=ERROR | V=ERROR | C=34000 | M=portal "C_1" does not exist
      < ReadyForQuery T

      > Parse "" "commit"
      > Bind "" ""
      > Describe P ""
      > Execute "" 1
      > Sync
      < ParseComplete
      < BindComplete
      < NoData
      < CommandComplete "COMMIT"
      < ReadyForQuery I

      > Parse "" ""
      > Bind "" ""
      > Describe P ""
      > Execute "" 0
      > Sync
      < ParseComplete
      < BindComplete
      < NoData
      < EmptyQueryResponse
      < ReadyForQuery I
      """#)
  }

  @Test("node-postgres: Flush and Sync after each statement; a cursor without Sync")
  func node() {
    expectScript(
      #"""
      > Parse "" "rows 3"
      > Bind "C_1" ""
      > Describe P "C_1"
      > Execute "C_1" 2
      > Flush
      < ParseComplete
      < BindComplete
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < DataRow "1" "row 1"
      < PortalSuspended

      > Execute "C_1" 2
      > Flush
      < DataRow "2" null
      < CommandComplete "SELECT 1"

      > Close P "C_1"
      > Flush
      > Sync
      < CloseComplete
      < ReadyForQuery I
      """#)
  }

  @Test("pgx: Parse, Describe, Sync, then Bind, Describe, Execute, Sync")
  func pgx() {
    expectScript(
      #"""
      > Parse "lrupsc_1_0" "echo int4"
      > Describe S "lrupsc_1_0"
      > Sync
      < ParseComplete
      < ParameterDescription 23
      < RowDescription int4:23/4t
      < ReadyForQuery I

      > Bind "" "lrupsc_1_0" b:00000009 -> b
      > Describe P ""
      > Execute "" 0
      > Sync
      < BindComplete
      < RowDescription int4:23/4b
      < DataRow x00000009
      < CommandComplete "SELECT 1"
      < ReadyForQuery I
      """#)
  }

  @Test("psqlODBC: Parse, Sync, Describe, Sync, Bind")
  func psqlODBC() {
    expectScript(
      #"""
      > Parse "p" "begin"
      > Sync
      < ParseComplete
      < ReadyForQuery I

      > Describe S "p"
      > Sync
      < ParameterDescription
      < NoData
      < ReadyForQuery I

      > Bind "" "p"
      > Execute "" 0
      > Sync
      < BindComplete
      < CommandComplete "BEGIN"
      < ReadyForQuery T
      """#)
  }

  @Test("COPY TO STDOUT in both protocols")
  func copyOut() {
    expectScript(
      #"""
      > Query "copy out 2"
      < CopyOutResponse 0 0
      < CopyData "line 0\n"
      < CopyData "line 1\n"
      < CopyDone
      < CommandComplete "COPY 2"
      < ReadyForQuery I

      > Parse "" "copy out 1"
      > Bind "" ""
      > Execute "" 0
      > Sync
      < ParseComplete
      < BindComplete
      < CopyOutResponse 0 0
      < CopyData "line 0\n"
      < CopyDone
      < CommandComplete "COPY 1"
      < ReadyForQuery I
      """#)
  }

  @Test("CopyFail ends the COPY with the client's reason")
  func copyFail() {
    expectScript(
      #"""
      > Query "copy in"
      < CopyInResponse 0 0 0

      > CopyData "1\n"
      > CopyFail "changed my mind"
      < Error S=ERROR | V=ERROR | C=57014 | M=COPY from stdin failed: changed my mind
      < ReadyForQuery I

      > Parse "" "copy in"
      > Bind "" ""
      > Execute "" 0
      < ParseComplete
      < BindComplete
      < CopyInResponse 0 0 0

      > CopyData "1\n"
      > CopyFail "again"
      > Execute "" 0
      > Sync
      < Error S=ERROR | V=ERROR | C=57014 | M=COPY from stdin failed: again
      < ReadyForQuery I
      """#)
  }

  @Test("A COPY that fails ignores the rows that are still under way")
  func copyError() {
    expectScript(
      #"""
      > Query "copy in"
      < CopyInResponse 0 0 0

      > CopyData "bad\n"
      > CopyData "2\n"
      > CopyData "3\n"
      > CopyDone
      > Query "rows 1"
      < Error S=ERROR | V=ERROR | C=22P04 | M=bad row
      < ReadyForQuery I
      < RowDescription n:23/4@16384.1t label:1043/-1(24)@16384.2t
      < DataRow "0" "row 0"
      < CommandComplete "SELECT 1"
      < ReadyForQuery I

      > Parse "" "copy in"
      > Bind "" ""
      > Execute "" 0
      > CopyData "bad\n"
      > CopyData "3\n"
      > CopyDone
      > Sync
      < ParseComplete
      < BindComplete
      < CopyInResponse 0 0 0
      < --
      < Error S=ERROR | V=ERROR | C=22P04 | M=bad row
      < ReadyForQuery I
      """#)
  }

  @Test("Flush and Sync inside COPY are ignored")
  func copySync() {
    expectScript(
      #"""
      > Parse "" "copy in"
      > Bind "" ""
      > Execute "" 0
      > Sync
      > CopyData "1\n"
      > Flush
      > CopyDone
      > Sync
      < ParseComplete
      < BindComplete
      < CopyInResponse 0 0 0
      < --
      < CommandComplete "COPY 2"
      < ReadyForQuery I
      """#)
  }
}
