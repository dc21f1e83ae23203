from flask import Flask

from blog.extensions import cache, db, migrate


def create_app():
    app = Flask(__name__)
    app.config.from_object("blog.settings.Production")
    db.init_app(app)
    migrate.init_app(app, db)
    cache.init_app(app)
    if app.debug:
        from flask_debugtoolbar import DebugToolbarExtension

        DebugToolbarExtension(app)
    from blog.pages import pages

    app.register_blueprint(pages)
    return app
