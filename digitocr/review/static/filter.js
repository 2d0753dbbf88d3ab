// The dialog that asks which numbers are wanted.

const dialog = document.getElementById("filter");
const form = dialog.querySelector("form");

export function offer({ fields, tables }) {
  form.field.append(...fields.map((name) => new Option(name, name)));
  form.table.append(...Array.from({ length: tables }, (_, i) => new Option(`table ${i + 1}`, i + 1)));
}

export const open = () => dialog.showModal();

// Calls what to do when it is closed: with the filter, or with undefined where it is given up.
export function listen(whenClosed) {
  document.getElementById("filter-reset").addEventListener("click", () => {
    form.reset();
    dialog.close("apply");
  });
  dialog.addEventListener("close", () => {
    const wanted = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    whenClosed(dialog.returnValue === "apply" ? wanted : undefined);
    dialog.returnValue = "";
  });
}
