#include <histedit.h>
#include <stddef.h>

/* el_set and history take a variable number of arguments, which Swift cannot pass: one function for each use. */

typedef unsigned char apus_edit_function(EditLine *, int);

static inline void apus_edit_set_prompt(EditLine *edit, char *(*prompt)(EditLine *)) { el_set(edit, EL_PROMPT, prompt); }
static inline void apus_edit_set_editor(EditLine *edit, const char *name) { el_set(edit, EL_EDITOR, name); }
static inline void apus_edit_set_signals(EditLine *edit, int handled) { el_set(edit, EL_SIGNAL, handled); }
static inline void apus_edit_set_history(EditLine *edit, History *kept) { el_set(edit, EL_HIST, history, kept); }
static inline void apus_edit_set_data(EditLine *edit, void *data) { el_set(edit, EL_CLIENTDATA, data); }

static inline void *apus_edit_data(EditLine *edit) {
  void *data = NULL;
  el_get(edit, EL_CLIENTDATA, &data);
  return data;
}

static inline void apus_edit_add_function(EditLine *edit, const char *name, const char *help, apus_edit_function *function) {
  el_set(edit, EL_ADDFN, name, help, function);
}

static inline void apus_edit_bind(EditLine *edit, const char *key, const char *name) {
  el_set(edit, EL_BIND, key, name, NULL);
}

/* While a line is edited, the terminal's interrupt character is a key like others. */
static inline void apus_edit_disable_interrupt(EditLine *edit) { el_set(edit, EL_SETTY, "-d", "-intr", NULL); }

static inline void apus_history_set_size(History *kept, int lines) {
  HistEvent event;
  history(kept, &event, H_SETSIZE, lines);
  history(kept, &event, H_SETUNIQUE, 1);
}

static inline void apus_history_add(History *kept, const char *line) {
  HistEvent event;
  history(kept, &event, H_ENTER, line);
}

static inline int apus_history_load(History *kept, const char *file) {
  HistEvent event;
  return history(kept, &event, H_LOAD, file);
}

static inline int apus_history_save(History *kept, const char *file) {
  HistEvent event;
  return history(kept, &event, H_SAVE, file);
}
