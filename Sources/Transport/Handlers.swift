import Keys
import Runtime
import Synchronization

/// Gets a post: who sent it, and its bytes.
package typealias PostHandler = @Sendable (NodeID, [UInt8]) -> Void
/// Answers a request of a node. What it throws goes back to the caller (see `RemoteFailure`).
package typealias RequestHandler = @Sendable (NodeID, [UInt8], RequestContext) async throws -> [UInt8]

/// Answers a request without waiting; nil where that cannot be, or where there is anything to say but an answer.
package typealias RequestHandlerAtOnce = @Sendable (NodeID, [UInt8]) -> [UInt8]?

/// Who takes which posts and requests, and on which loop.
final class Handlers: Sendable {
  struct Post {
    var loop: any Loop
    var body: PostHandler
  }
  struct Request {
    var loop: any Loop
    var body: RequestHandler
    var atOnce: RequestHandlerAtOnce?
  }
  private struct Tables {
    var posts = [Post?](repeating: nil, count: 256)
    var requests = [Request?](repeating: nil, count: 256)
  }
  private let tables = Mutex(Tables())

  func set(_ channel: UInt8, _ handler: Post) { tables.withLock { $0.posts[Int(channel)] = handler } }
  func set(_ service: UInt8, _ handler: Request) { tables.withLock { $0.requests[Int(service)] = handler } }
  func post(_ channel: UInt8) -> Post? { tables.withLock { $0.posts[Int(channel)] } }
  func request(_ service: UInt8) -> Request? { tables.withLock { $0.requests[Int(service)] } }
}

extension Handlers.Post {
  /// Hands the post over; at once if its loop is the current one.
  func deliver(from node: NodeID, _ payload: [UInt8]) {
    if loop.isCurrent {
      body(node, payload)
    } else {
      let body = body
      loop.execute { body(node, payload) }
    }
  }
}

extension Handlers.Request {
  /// The answer if it is to be had without a task, on this loop.
  func answerAtOnce(from node: NodeID, _ payload: [UInt8]) -> [UInt8]? {
    guard let atOnce, loop.isCurrent else { return nil }
    return atOnce(node, payload)
  }

  /// Runs the handler in a task of its own on its loop, starting at once if that is the current one.
  /// - Parameter finish: gets the outcome, on the handler's loop.
  func run(
    from node: NodeID, _ payload: [UInt8], context: RequestContext, finish: @escaping @Sendable (Outcome) -> Void
  ) {
    let handler = body
    let work = { @Sendable () async -> Void in
      do {
        finish(.answer(try await handler(node, payload, context)))
      } catch let failure as RemoteFailure {
        finish(.failure(failure))
      } catch {
        finish(.failure(RemoteFailure(code: 0, message: "\(error)")))
      }
    }
    let task =
      loop.isCurrent
      ? Task.immediate(executorPreference: loop, operation: work) : Task(executorPreference: loop, operation: work)
    context.runs(as: task)
  }
}

/// What became of a request.
enum Outcome: Sendable {
  case answer([UInt8])
  case failure(RemoteFailure)
}
