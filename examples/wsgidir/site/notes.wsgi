"""A Flask application in a file of its own: notes that live until the file changes."""

try:
    import flask
except ImportError:
    flask = None

if flask is None:

    def application(environ, start_response):
        start_response("503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"This page needs Flask. Run: pip install flask; then: touch notes.wsgi\n"]

else:
    application = flask.Flask(__name__)
    notes = []

    PAGE = """
    <!DOCTYPE html>
    <title>Notes</title>
    <link rel="stylesheet" href="/style.css">
    <h1>Notes</h1>
    <ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>
    <form method="post"><input name="note" autofocus><button>Add</button></form>
    """

    @application.get("/")
    def show():
        return flask.render_template_string(PAGE, notes=notes)

    @application.post("/")
    def add():
        notes.append(flask.request.form["note"])
        return flask.redirect(flask.url_for("show"))

    @application.get("/<int:number>")
    def one(number):
        if number >= len(notes):
            flask.abort(404)
        return {"note": notes[number]}
