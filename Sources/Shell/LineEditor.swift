import CEditLine
import Foundation

/// Reads lines from a terminal with libedit: editing keys, history kept in a file.
final class LineEditor {
  enum Line {
    case text(String)
    /// Ctrl-C: the line is given up.
    case interrupted
    /// Ctrl-D on an empty line, or the terminal is gone.
    case end
  }

  /// What libedit's callbacks see; they get it through the editor's client data.
  private final class Context {
    var prompt = strdup("")
    var wasInterrupted = false
    deinit { free(prompt) }
  }

  private let context = Context()
  private let edit: OpaquePointer
  private let history: OpaquePointer
  private let files: [UnsafeMutablePointer<FILE>]
  private let historyFile: String?

  /// - Parameter historyFile: read now and written at each line, readable by its owner alone; nil keeps nothing.
  /// - Returns: nil where this terminal cannot be edited on.
  init?(historyFile: String?) {
    Self.useUTF8()
    self.historyFile = historyFile
    guard let input = fdopen(dup(0), "r"), let output = fdopen(dup(1), "w"), let errors = fdopen(dup(2), "w"),
      let edit = el_init("apus", input, output, errors)
    else { return nil }
    guard let history = history_init() else {
      el_end(edit)
      return nil
    }
    self.edit = edit
    self.history = history
    files = [input, output, errors]
    apus_edit_set_data(edit, Unmanaged.passUnretained(context).toOpaque())
    apus_edit_set_signals(edit, 1)
    apus_edit_set_editor(edit, "emacs")
    apus_edit_set_prompt(edit) { edit in
      edit.flatMap { LineEditor.context(of: $0)?.prompt }
    }
    apus_edit_add_function(edit, "apus-interrupt", "Gives the line up") { edit, _ in
      if let edit { LineEditor.context(of: edit)?.wasInterrupted = true }
      return UInt8(CC_EOF)
    }
    apus_edit_bind(edit, "^C", "apus-interrupt")
    apus_edit_bind(edit, "^R", "em-inc-search-prev")
    apus_edit_disable_interrupt(edit)
    apus_history_set_size(history, 2000)
    apus_edit_set_history(edit, history)
    if let historyFile {
      // Made before libedit could make it for everyone to read.
      let descriptor = open(historyFile, O_CREAT | O_WRONLY, 0o600)
      if descriptor >= 0 { close(descriptor) }
      _ = apus_history_load(history, historyFile)
    }
  }

  deinit {
    el_end(edit)
    history_end(history)
    for file in files { fclose(file) }
  }

  private static func context(of edit: OpaquePointer) -> Context? {
    apus_edit_data(edit).map { Unmanaged<Context>.fromOpaque($0).takeUnretainedValue() }
  }

  /// libedit reads multi-byte characters by the locale; where none is set, UTF-8 is the better guess than ASCII.
  private static func useUTF8() {
    _ = setlocale(LC_CTYPE, "")
    if String(cString: nl_langinfo(nl_item(CODESET))) != "UTF-8" { _ = setlocale(LC_CTYPE, "C.UTF-8") }
  }

  func readLine(prompt: String) -> Line {
    free(context.prompt)
    context.prompt = strdup(prompt)
    context.wasInterrupted = false
    var count: Int32 = 0
    // Ctrl-C is a key while a line is edited. One that comes as a signal, between the prompt and the moment when libedit takes
    // the terminal over, would make it give the terminal back, and wait for a whole line.
    Interrupt.hold()
    defer { Interrupt.letThrough() }
    guard let start = el_gets(edit, &count), count > 0 else { return context.wasInterrupted ? .interrupted : .end }
    var line = String(cString: start)
    if line.last == "\n" { line.removeLast() }
    return .text(line)
  }

  func remember(_ statement: String) {
    apus_history_add(history, statement)
    if let historyFile { _ = apus_history_save(history, historyFile) }
  }
}
