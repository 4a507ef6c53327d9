import Coding
import Expressions
import Keys
import Schema
import Values

extension ByteWriter {
  package mutating func write(_ mutation: TableMutation) {
    write(OperationsFormat.version)
    writeVarint(UInt64(mutation.table.rawValue))
    writeVarint(UInt64(mutation.schemaVersion))
    switch mutation.mutation {
    case .insert(let rows, let onConflict):
      write(UInt8(1))
      write(rows)
      write(onConflict)
    case .update(let selection, let filter, let assignments):
      write(UInt8(2))
      write(selection)
      writeOptional(filter) { $0.write($1) }
      write(assignments)
    case .delete(let selection, let filter):
      write(UInt8(3))
      write(selection)
      writeOptional(filter) { $0.write($1) }
    }
    writeOptional(mutation.returning) { writer, expressions in
      writer.writeArray(expressions) { $0.write($1) }
    }
    write(mutation.wantsChanges)
  }

  private mutating func write(_ action: ConflictAction) {
    switch action {
    case .fail: write(UInt8(1))
    case .doNothing: write(UInt8(2))
    case .update(let assignments, let filter):
      write(UInt8(3))
      write(assignments)
      writeOptional(filter) { $0.write($1) }
    }
  }

  private mutating func write(_ assignments: [Assignment]) {
    writeArray(assignments) { writer, assignment in
      writer.writeCount(assignment.column)
      writer.write(assignment.value)
    }
  }

  package mutating func write(_ result: MutationResult) {
    write(OperationsFormat.version)
    writeCount(result.affectedCount)
    write(result.returned)
    writeArray(result.changes) { writer, change in
      writer.writeOptional(change.old) { $0.write([$1]) }
      writer.writeOptional(change.new) { $0.write([$1]) }
    }
  }
}

extension ByteReader {
  package mutating func readTableMutation() throws(CodingError) -> TableMutation {
    try readFormat(OperationsFormat.version, of: "mutation")
    return TableMutation(
      table: try readTableID(), schemaVersion: try readNarrow(), mutation: try readMutation(),
      returning: try readOptional { reader throws(CodingError) in
        try reader.readArray { reader throws(CodingError) in try reader.readExpression() }
      }, wantsChanges: try readBool())
  }

  private mutating func readMutation() throws(CodingError) -> Mutation {
    switch try readByte() {
    case 1: .insert(rows: try readRows(), onConflict: try readConflictAction())
    case 2: .update(try readKeySelection(), filter: try readFilter(), try readAssignments())
    case 3: .delete(try readKeySelection(), filter: try readFilter())
    default: throw .malformed(what: "mutation")
    }
  }

  private mutating func readConflictAction() throws(CodingError) -> ConflictAction {
    switch try readByte() {
    case 1: .fail
    case 2: .doNothing
    case 3: .update(try readAssignments(), filter: try readFilter())
    default: throw .malformed(what: "conflict action")
    }
  }

  private mutating func readFilter() throws(CodingError) -> Expression? {
    try readOptional { reader throws(CodingError) in try reader.readExpression() }
  }

  private mutating func readAssignments() throws(CodingError) -> [Assignment] {
    try readArray(minimumSize: 2) { reader throws(CodingError) in
      Assignment(column: try reader.readNarrow(), value: try reader.readExpression())
    }
  }

  package mutating func readMutationResult() throws(CodingError) -> MutationResult {
    try readFormat(OperationsFormat.version, of: "mutation result")
    return MutationResult(
      affectedCount: try readNarrow(), returned: try readRows(),
      changes: try readArray(minimumSize: 2) { reader throws(CodingError) in
        RowChange(old: try reader.readOptionalRow(), new: try reader.readOptionalRow())
      })
  }

  private mutating func readOptionalRow() throws(CodingError) -> Row? {
    try readOptional { reader throws(CodingError) in
      guard let row = try reader.readRows().first else { throw .malformed(what: "changed row") }
      return row
    }
  }
}
