import Coding
import DocStore
import Keys
import Operations
import Values

extension MutateRequest {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 256)
    writer.writeVarint(tablet.rawValue)
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    writer.writeOptional(transaction) { $0.write($1) }
    switch payload {
    case .rows(let mutation):
      writer.write(UInt8(0))
      writer.write(mutation)
    case .documents(let documents):
      writer.write(UInt8(1))
      writer.write(documents)
    case .lock(let read, let locking):
      writer.write(UInt8(2))
      writer.write(read)
      writer.write(locking)
    }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablet = TabletID(try reader.readVarint())
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
    transaction = try reader.readOptional { reader throws(CodingError) in try reader.readTransactionContext() }
    switch try reader.readByte() {
    case 0: payload = .rows(try reader.readTableMutation())
    case 1: payload = .documents(try reader.readDocumentWrites())
    case 2: payload = .lock(try reader.readTableRead(), try reader.readRowLocking())
    default: throw .malformed(what: "mutation payload")
    }
  }
}

extension ReadRequest {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 256)
    writer.writeVarint(tablet.rawValue)
    writer.write(read)
    writer.writeOptional(time) { $0.writeFixed($1.rawValue) }
    writer.writeOptional(uncertaintyLimit) { $0.writeFixed($1.rawValue) }
    writer.write(mayMove)
    writer.writeOptional(resume) { $0.write($1) }
    writer.writeCount(maxRows)
    writer.writeCount(maxBytes)
    writer.writeOptional(transaction) { $0.write($1) }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablet = TabletID(try reader.readVarint())
    read = try reader.readTableRead()
    time = try reader.readOptional { reader throws(CodingError) in HybridTime(rawValue: try reader.readFixed()) }
    uncertaintyLimit = try reader.readOptional { reader throws(CodingError) in
      HybridTime(rawValue: try reader.readFixed())
    }
    mayMove = try reader.readBool()
    resume = try reader.readOptional { reader throws(CodingError) in try reader.readBytes() }
    maxRows = Int(truncatingIfNeeded: min(try reader.readVarint(), 1 << 30))
    maxBytes = Int(truncatingIfNeeded: min(try reader.readVarint(), 1 << 30))
    transaction = try reader.readOptional { reader throws(CodingError) in try reader.readTransactionReference() }
  }
}

extension ReadAnswer {
  package func write(to writer: inout ByteWriter) {
    writer.write(rows)
    writer.writeOptional(resume) { $0.write($1) }
    writer.writeFixed(time.rawValue)
    writer.writeFixed(validThrough.rawValue)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    rows = try reader.readRows()
    resume = try reader.readOptional { reader throws(CodingError) in try reader.readBytes() }
    time = HybridTime(rawValue: try reader.readFixed())
    validThrough = HybridTime(rawValue: try reader.readFixed())
  }
}

extension TabletAnswer {
  package func encoded(_ value: (inout ByteWriter, Value) -> Void) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 128)
    switch self {
    case .done(let done):
      writer.write(UInt8(0))
      value(&writer, done)
    case .failed(let error):
      writer.write(UInt8(1))
      writer.write(error)
    case .notLeader(let hint):
      writer.write(UInt8(2))
      writer.writeFixed(hint?.rawValue ?? 0)
    case .notReady: writer.write(UInt8(3))
    case .unknownTablet: writer.write(UInt8(4))
    case .schemaMismatch(let version):
      writer.write(UInt8(5))
      writer.writeFixed(version)
    case .outcomeUnknown: writer.write(UInt8(6))
    case .uncertain(let time):
      writer.write(UInt8(7))
      writer.writeFixed(time.rawValue)
    case .noRoom: writer.write(UInt8(8))
    }
    return writer.bytes
  }

  package init(
    decoding bytes: [UInt8], _ value: (inout ByteReader) throws(CodingError) -> Value
  ) throws(CodingError) {
    var reader = ByteReader(bytes)
    switch try reader.readByte() {
    case 0: self = .done(try value(&reader))
    case 1: self = .failed(try reader.readSQLError())
    case 2:
      let hint: UInt32 = try reader.readFixed()
      self = .notLeader(hint: hint == 0 ? nil : NodeID(hint))
    case 3: self = .notReady
    case 4: self = .unknownTablet
    case 5: self = .schemaMismatch(version: try reader.readFixed())
    case 6: self = .outcomeUnknown
    case 7: self = .uncertain(HybridTime(rawValue: try reader.readFixed()))
    case 8: self = .noRoom
    default: throw .malformed(what: "tablet answer")
    }
  }
}
