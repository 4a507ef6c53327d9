import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Runtime

/// A request as the status pages see it.
package struct HTTPRequest: Sendable {
  /// Without the query.
  package var path: String
  /// As in `?verbose&level=tablet`; a key without a value has "".
  package var query: [String: String]

  init(uri: String) {
    let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = String(parts[0])
    query = [:]
    guard parts.count == 2 else { return }
    for item in parts[1].split(separator: "&") {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      query[String(pair[0])] = pair.count == 2 ? String(pair[1]) : ""
    }
  }
}

package struct HTTPResponse: Sendable {
  package var status: Int
  package var contentType: String
  package var body: String
  package init(status: Int, contentType: String = "text/plain; charset=utf-8", body: String) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}

/// Serves GET requests for operators: small pages, one request at a time on a connection.
package final class HTTPServer: Sendable {
  private let listener: any Channel

  private init(listener: any Channel) { self.listener = listener }

  /// How long a connection may stay without a whole request.
  private static let idleSeconds: Int64 = 30

  package static func start(
    host: String, port: Int, loop: any Loop, logger: Logger,
    respond: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
  ) async throws -> HTTPServer {
    guard let real = loop as? NIOLoop else { throw NotARealLoop() }
    let listener = try await ServerBootstrap(group: real.eventLoop)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandlers([
            IdleStateHandler(readTimeout: .seconds(idleSeconds)),
            HTTPHandler(loop: real, respond: respond),
          ])
        }
      }
      .bind(host: host, port: port).get()
    return HTTPServer(listener: listener)
  }

  package struct NotARealLoop: Error {}

  package func stop() async {
    // Fails only where it is closed already.
    try? await listener.close().get()
  }
}

/// Answers one connection's requests, in order.
private final class HTTPHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let loop: NIOLoop
  private let respond: @Sendable (HTTPRequest) async -> HTTPResponse
  private var head: HTTPRequestHead?

  init(loop: NIOLoop, respond: @escaping @Sendable (HTTPRequest) async -> HTTPResponse) {
    self.loop = loop
    self.respond = respond
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      guard head.method == .GET || head.method == .HEAD else {
        let response = HTTPResponse(status: 405, body: "only GET is served here\n")
        return HTTPHandler.write(response, to: context.channel, isHead: false, keepAlive: false)
      }
      let channel = context.channel
      let isHead = head.method == .HEAD
      let keepAlive = head.isKeepAlive
      let request = HTTPRequest(uri: head.uri)
      let respond = respond
      loop.spawn {
        let response = await respond(request)
        HTTPHandler.write(response, to: channel, isHead: isHead, keepAlive: keepAlive)
      }
    }
  }

  private static func write(_ response: HTTPResponse, to channel: any Channel, isHead: Bool, keepAlive: Bool) {
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: response.contentType)
    headers.add(name: "Content-Length", value: "\(response.body.utf8.count)")
    headers.add(name: "Cache-Control", value: "no-store")
    if !keepAlive { headers.add(name: "Connection", value: "close") }
    let status = HTTPResponseStatus(statusCode: response.status)
    channel.write(
      HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)), promise: nil)
    if !isHead {
      channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: response.body))), promise: nil)
    }
    let done = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    if !keepAlive { done.whenComplete { _ in channel.close(promise: nil) } }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
